"""Faults of stand-in servers that cases of the suite are known to meet.

A quirk is of a server that stands in for a provider, never of a driver: what a driver can't do is
a capability. A case that meets one is run and has to fail, so that a quirk which is no longer
true is noticed; only where running would do harm or tell nothing is it skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True)
class Quirk:
    """One fault.

    Attributes:
        meaning: What the stand-in does.
        run: Are the cases run, and expected to fail? Otherwise they are skipped.
    """

    meaning: str
    run: bool = True


QUIRKS: Mapping[str, Quirk] = {
    "in_process": Quirk("The stand-in lives in this process: no other one reaches it.", run=False),
    "unsafe_threads": Quirk("Threads that use one object at once disturb each other.", run=False),
    "no_wire": Quirk("The stand-in answers the SDK only: no other HTTP client.", run=False),
    "signatures_unchecked": Quirk("Signed requests are let in whatever was signed."),
    "signed_conditions_unchecked": Quirk("A signed PUT replaces whatever its condition says."),
    "expiry_unchecked": Quirk("A signed request lives for ever."),
    "commit_ignores_if_match": Quirk("A multipart upload is committed whatever its If-Match."),
    "delete_ignores_if_match": Quirk("An object is deleted whatever its revision is now."),
    "no_multipart": Quirk("The server has no multipart uploads: all goes in one request."),
    "prefixes_repeated": Quirk("A listing's prefixes come again on each of its pages."),
    "copy_ignores_if_match": Quirk("The source is copied whatever its revision is now."),
    "uploads_undated": Quirk("Unfinished uploads all look years old."),
    "segment_over_255": Quirk("A segment of a key of more than 255 bytes is refused."),
    "odd_keys": Quirk("Foreign keys with odd segments are refused or not found again."),
    "newline_keys": Quirk("A foreign key with a line break is refused."),
    "order_by_segment": Quirk("Listings are in the order of segments, not of the keys' bytes."),
    "order_by_utf16": Quirk("Listings are in the order of UTF-16: U+E000 is after U+10000."),
    "empty_folders_kept": Quirk("A folder is listed when its last object is gone."),
    "folders_are_objects": Quirk("A folder of objects is an object, too."),
    "commit_over_folder": Quirk("A multipart upload fails at a key that is a folder of another."),
}


def expect_known_faults(
    request: pytest.FixtureRequest, met: Mapping[str, str], known: Mapping[str, Quirk]
) -> bool:
    """Expect the cases to fail that a stand-in is known to fail, and notice when they don't.

    Args:
        met: The stand-in's quirks, each with its reason.
        known: What each quirk means.

    Returns:
        Has this case to fail?
    """
    unknown = set(met) - set(known)
    if unknown:
        pytest.fail(f"no quirk is named {sorted(unknown)}; known: {sorted(known)}")
    has_to_fail = False
    for mark in request.node.iter_markers("portable_quirk"):
        (name,) = mark.args
        if name not in met:
            continue
        reason = f"{name}: {met[name]}"
        if not known[name].run:
            pytest.skip(reason)
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
        has_to_fail = True
    return has_to_fail


def quirk(name: str) -> pytest.MarkDecorator:
    """Mark a case, or one parameter of it, as one that a stand-in with this quirk fails."""
    if name not in QUIRKS:
        raise ValueError(f"no quirk is named {name!r}")
    return pytest.mark.portable_quirk(name)
