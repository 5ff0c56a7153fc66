"""Updates by field mask, and lists in pages: the same for topics and subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from portable.testing.fakes.pubsub.failures import invalid

PAGE = 1000


def changed(mine: Any, wanted: Any, mask: Any, *, fixed: Sequence[str]) -> Any:
    """A copy of *mine* with the masked fields of *wanted*; those that are *fixed* are refused."""
    if not mask.paths:
        raise invalid("The update_mask in the request must be set, and must not be empty.")
    known = set(mine.DESCRIPTOR.fields_by_name)
    for path in mask.paths:
        top = path.partition(".")[0]
        if top not in known:
            raise invalid(f"Invalid update_mask provided: {path!r} isn't a known field.")
        if top in fixed:
            raise invalid(f"Invalid update_mask provided: {path!r} can't be changed.")
    made = type(mine)()
    made.CopyFrom(mine)
    for path in mask.paths:
        made.ClearField(path.partition(".")[0])
    FieldMask(paths=mask.paths).MergeMessage(wanted, made, True, True)
    return made


def page(names: Sequence[str], request: Any) -> tuple[list[str], str]:
    """The names of a page, and the token of the next one."""
    left = sorted(name for name in names if name > request.page_token)
    size = request.page_size or PAGE
    found = left[:size]
    return found, found[-1] if len(left) > size else ""
