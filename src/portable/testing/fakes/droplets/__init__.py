"""DigitalOcean's API for Droplets, with machines that really run their user data.

    with FakeDroplets() as server:  # DIGITALOCEAN_TOKEN is server.token
        compute = portable.open_compute(f"droplets://nyc1?endpoint={server.endpoint}")

The official client talks to it, too. Tokens, names, sizes, images, tags, keys and limits are
checked; a Droplet that switches itself off stays, and costs, until it is destroyed; listings come
in pages. Needs Linux once a Droplet is made.
"""

from portable.testing.fakes.droplets.droplet import Droplet
from portable.testing.fakes.droplets.server import FakeDroplets

__all__ = ["Droplet", "FakeDroplets"]
