"""Stand-ins for whole providers on this machine, with a profile that leads to them.

    with emulate("aws", "gcp"):
        portable.storage.put("cat", b"...")          # at the first one's
        with portable.profile("gcp"):
            portable.storage.put("cat", b"...")

`portable emulate` does the same for a shell. A provider is a module here, named in `PROVIDERS`:
its function starts the provider's servers and says how to reach them.
"""

from portable.testing.emulators._emulation import Emulation, emulate, started
from portable.testing.emulators._provider import BUCKET, Emulated, Provider
from portable.testing.emulators._registry import PROVIDERS

__all__ = ["BUCKET", "PROVIDERS", "Emulated", "Emulation", "Provider", "emulate", "started"]
