"""Compute Engine's REST API, with machines that really run what they boot.

    with FakeGce() as server:
        compute = portable.open_compute(f"gce://testing/us-east1-b?endpoint={server.endpoint}")

Google's own client talks to it. Operations take a while and may fail; requests that come again
under their id start nothing; names, types, images, labels and limits are checked; machines end at
their deadline, and `FakeGce.advance` brings that near. Needs Linux once a machine is started.
"""

from portable.testing.fakes.gce.operations import PlannedFailure
from portable.testing.fakes.gce.server import FakeGce

__all__ = ["FakeGce", "PlannedFailure"]
