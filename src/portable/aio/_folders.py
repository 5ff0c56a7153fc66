"""What an asynchronous bucket does with whole folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from portable.aio._threads import finish
from portable.storage.bucket import Bucket

if TYPE_CHECKING:
    from portable.storage.folders import Given
    from portable.transfers.report import TransferProgress, TransferReport


class AsyncFolders:
    """The methods of `AsyncBucket` for folders. Cancelled, they stop between two requests."""

    bucket: Bucket

    async def upload(
        self,
        path: str | os.PathLike[str],
        prefix: str = "",
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        dry_run: bool = False,
        progress: TransferProgress | None = None,
    ) -> TransferReport:
        """As `Bucket.upload`."""
        return await finish(
            partial(
                self.bucket.upload,
                path,
                prefix,
                include=include,
                exclude=exclude,
                dry_run=dry_run,
                progress=progress,
            )
        )

    async def download(
        self,
        prefix: str,
        path: str | os.PathLike[str],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        dry_run: bool = False,
        progress: TransferProgress | None = None,
    ) -> TransferReport:
        """As `Bucket.download`."""
        return await finish(
            partial(
                self.bucket.download,
                prefix,
                path,
                include=include,
                exclude=exclude,
                dry_run=dry_run,
                progress=progress,
            )
        )

    async def sync(
        self,
        source: Given,
        target: Given,
        *,
        delete: bool = False,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        compare: Literal["content", "size"] = "content",
        dry_run: bool = False,
        allow_empty: bool = False,
        sort: bool = False,
        durable: bool = False,
        workers: int = 16,
        on: Literal["ray"] | None = None,
        progress: TransferProgress | None = None,
    ) -> TransferReport:
        """As `Bucket.sync`. Run it again after a cancellation and it goes on where it was."""
        return await finish(
            partial(
                self.bucket.sync,
                source,
                target,
                delete=delete,
                include=include,
                exclude=exclude,
                compare=compare,
                dry_run=dry_run,
                allow_empty=allow_empty,
                sort=sort,
                durable=durable,
                workers=workers,
                on=on,
                progress=progress,
            )
        )
