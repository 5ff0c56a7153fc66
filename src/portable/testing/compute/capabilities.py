"""What a driver says of itself."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from portable.testing.compute.base import ComputeCases, Place

TAGS = 6  # what every machine of a job has, docs/compute-contract.md
BOOT_MAX = 2048  # a boot script has one signed URL in it
NAME_MAX = 40


class CapabilityCases(ComputeCases):
    """`capabilities` and `native`."""

    def test_capabilities_make_sense(self, place: Place) -> None:
        """They are constant, and their limits allow for what the core does."""
        able = place.able
        assert able == place.driver.capabilities
        assert able == place.harness.connect().capabilities
        with pytest.raises((FrozenInstanceError, AttributeError)):
            able.spot = True  # type: ignore[misc]
        assert able.ends in ("script", "poweroff", "deadline", "reap")
        assert able.boot_max >= BOOT_MAX
        assert able.name_max >= NAME_MAX
        assert able.tags_max >= TAGS
        assert able.python
        assert not (able.stops and able.region is None)
        assert able.images == bool(place.harness.image)
        assert (able.region is not None) == bool(place.harness.machine)

    def test_native_is_the_sdks_own_client(self, place: Place) -> None:
        """The same each time."""
        assert place.driver.native is not None
        assert place.driver.native is place.driver.native
