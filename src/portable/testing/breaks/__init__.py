"""Drivers that are wrong on purpose: a suite that stays green with one of them is blind.

`broken` puts one around the driver of a harness. An adapter's author can do the same, and see
that the suite is looking at the adapter and not past it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from portable.storage import Bucket
from portable.storage.driver import StorageDriver
from portable.testing.breaks.names import MangleKeys, RevisionIsSize
from portable.testing.breaks.reads import (
    DeleteMissingRaises,
    DeniedIsMissing,
    IgnorePin,
    IgnoreRanges,
    ListBySegment,
    ListFirstPage,
    ListUnsorted,
    MissingIsEmpty,
    SwallowDelete,
    TruncateReads,
)
from portable.testing.breaks.writes import (
    CopyForgetsMetadata,
    DropContentType,
    DropMetadata,
    IgnoreIfAbsent,
    IgnoreIfMatch,
    NonAtomicPut,
)
from portable.testing.drivers import around
from portable.testing.harness import Harness


@dataclass(frozen=True)
class _Wrapped:
    wrap: Callable[[StorageDriver], StorageDriver]

    def __call__(self, bucket: Bucket) -> Bucket:
        return around(bucket, self.wrap)


def _without_prefix(bucket: Bucket) -> Bucket:
    bucket._connection.prefix = ""
    return bucket


DRIVERS: Mapping[str, Callable[[StorageDriver], StorageDriver]] = {
    "ignore_if_absent": IgnoreIfAbsent,
    "ignore_if_match": IgnoreIfMatch,
    "mangle_keys": MangleKeys,
    "drop_metadata": DropMetadata,
    "drop_content_type": DropContentType,
    "list_unsorted": ListUnsorted,
    "list_by_segment": ListBySegment,
    "list_first_page": ListFirstPage,
    "swallow_delete": SwallowDelete,
    "delete_missing_raises": DeleteMissingRaises,
    "truncate_reads": TruncateReads,
    "ignore_ranges": IgnoreRanges,
    "ignore_pin": IgnorePin,
    "denied_is_missing": DeniedIsMissing,
    "missing_is_empty": MissingIsEmpty,
    "copy_forgets_metadata": CopyForgetsMetadata,
    "revision_is_size": RevisionIsSize,
    "non_atomic_put": NonAtomicPut,
}
BREAKS: Mapping[str, Callable[[Bucket], Bucket]] = {
    "ignore_prefix": _without_prefix,
    **{name: _Wrapped(driver) for name, driver in DRIVERS.items()},
}


def broken(harness: Harness, name: str) -> Harness:
    """The same harness, its buckets broken by one of `BREAKS`."""
    spoil = BREAKS[name]

    def also(opener: Callable[[], Bucket] | None) -> Callable[[], Bucket] | None:
        return None if opener is None else lambda: spoil(opener())

    return replace(
        harness,
        open_bucket=lambda prefix: spoil(harness.open_bucket(prefix)),
        other_bucket=also(harness.other_bucket),
        missing_bucket=also(harness.missing_bucket),
        denied_bucket=also(harness.denied_bucket),
    )
