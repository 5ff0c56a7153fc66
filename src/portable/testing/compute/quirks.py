"""Faults of stand-ins of compute that cases of the suite are known to meet."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from portable.testing.conformance.quirks import Quirk

COMPUTE_QUIRKS: Mapping[str, Quirk] = {
    "in_process": Quirk("The stand-in lives in this process: no other one reaches it.", run=False),
    "takes_any_machine": Quirk("A type of machine that there isn't is taken."),
    "takes_any_image": Quirk("An image that there isn't is taken."),
}


def quirk(name: str) -> pytest.MarkDecorator:
    """Mark a case as one that a stand-in with this quirk fails."""
    if name not in COMPUTE_QUIRKS:
        raise ValueError(f"no quirk is named {name!r}")
    return pytest.mark.portable_quirk(name)
