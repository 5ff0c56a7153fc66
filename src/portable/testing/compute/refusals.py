"""Launches that are refused: the right error, and nothing that stays."""

from __future__ import annotations

import pytest

from portable.errors import (
    InvalidArgument,
    NoCapacity,
    PermissionDenied,
    PortableError,
    QuotaExceeded,
    Throttled,
    Unavailable,
)
from portable.testing.compute.base import ComputeCases, Place, possible
from portable.testing.compute.harness import Refusal
from portable.testing.compute.quirks import quirk

MEANINGS: dict[Refusal, tuple[type[PortableError], bool]] = {
    "quota": (QuotaExceeded, False),
    "capacity": (NoCapacity, True),
    "throttled": (Throttled, True),
    "denied": (PermissionDenied, False),
    "broken": (Unavailable, True),
}


class RefusalCases(ComputeCases):
    """What the provider says no to."""

    @quirk("takes_any_machine")
    def test_machine_that_there_isnt(self, place: Place) -> None:
        """The error names it, and some that there are; nothing was started."""
        if not place.harness.machine:
            pytest.skip("there are no types of machines here")
        wanted = place.wanted(machine=f"{place.harness.machine}x")
        error = check(place, wanted, InvalidArgument, names=wanted.machine)
        assert place.harness.machine in str(error).replace(wanted.machine, "")

    @quirk("takes_any_image")
    def test_image_that_there_isnt(self, place: Place) -> None:
        """The error names it, and one that there is."""
        if not place.able.images:
            pytest.skip("capability images is off")
        wanted = place.wanted(image="ubuntu-1.04")
        error = check(place, wanted, InvalidArgument, names="ubuntu-1.04")
        assert place.harness.image in str(error)

    @pytest.mark.parametrize("why", list(MEANINGS))
    def test_provider_that_says_no(self, place: Place, why: Refusal) -> None:
        """Each reason is an error of its own; the next launch may succeed."""
        with possible():
            place.harness.oracle.refuse(why)
        wanted = place.wanted()
        kind, retryable = MEANINGS[why]
        error = check(place, wanted, kind)
        assert error.retryable is retryable
        assert not error.ambiguous or why == "broken"
        if place.harness.sdk_errors:
            assert isinstance(error.__cause__, place.harness.sdk_errors)
        assert place.launch(wanted).name == wanted.name


def check(
    place: Place, wanted: object, kind: type[PortableError], names: str = ""
) -> PortableError:
    """Launch, and look at the refusal."""
    with pytest.raises(PortableError) as caught:
        place.launch(wanted)  # type: ignore[arg-type]
    assert type(caught.value) is kind
    assert names in str(caught.value)
    name: str = wanted.name  # type: ignore[attr-defined]
    assert place.harness.oracle.count(name) == 0
    return caught.value
