"""Data and keys that come asynchronously."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import TypeVar

from portable.aio._files import AsyncWriter
from portable.errors import PortableError
from portable.storage.types import DeleteReport, ObjectInfo
from portable.storage.uploads import Progress

T = TypeVar("T")

BATCH = 1000


async def store(
    writer: AsyncWriter[bytes], chunks: AsyncIterable[bytes], progress: Progress | None
) -> ObjectInfo:
    """Write what *chunks* gives and publish it; nothing when it fails or is cancelled."""
    written = 0
    async with writer:
        async for chunk in chunks:
            written += await writer.write(chunk)
            if progress is not None:
                progress(written, None)
    assert writer.info is not None  # noqa: S101
    return writer.info


async def batches(items: AsyncIterable[T], size: int = BATCH) -> AsyncIterator[list[T]]:
    """Items, so many at a time."""
    batch: list[T] = []
    async for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def merged(reports: list[DeleteReport]) -> DeleteReport:
    """Several reports as one."""
    errors: dict[str, PortableError] = {}
    for report in reports:
        errors |= report.errors
    return DeleteReport(sum(report.deleted for report in reports), errors)
