"""What a bucket does with whole folders; the work is done in `portable.transfers`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, Union

from portable.errors import InvalidArgument, InvalidType

if TYPE_CHECKING:
    from portable.storage.connection import Connection
    from portable.transfers.places import Place
    from portable.transfers.report import TransferProgress, TransferReport

Given: TypeAlias = Union[str, Path, "Folders"]  # a bucket is one


class Folders:
    """The methods of `Bucket` for folders."""

    @property
    def _connection(self) -> Connection:
        raise NotImplementedError

    def upload(
        self,
        path: str | os.PathLike[str],
        prefix: str = "",
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        dry_run: bool = False,
        progress: TransferProgress | None = None,
    ) -> TransferReport:
        """Store the files below the folder *path*, those that aren't there already.

        Short for ``sync(Path(path), prefix)``, whose doc has the arguments and errors.
        """
        return self.sync(
            Path(path), prefix, include=include, exclude=exclude, dry_run=dry_run, progress=progress
        )

    def download(
        self,
        prefix: str,
        path: str | os.PathLike[str],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        dry_run: bool = False,
        progress: TransferProgress | None = None,
    ) -> TransferReport:
        """Write the objects below *prefix* into the folder *path*, those that aren't there already.

        Short for ``sync(prefix, Path(path))``, whose doc has the arguments and errors. Whatever
        the keys are, nothing is written outside of *path*.
        """
        return self.sync(
            prefix, Path(path), include=include, exclude=exclude, dry_run=dry_run, progress=progress
        )

    def sync(
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
        """Make *target* hold what *source* holds, and send only what it doesn't.

        One object that fails doesn't stop the rest: look at `report.ok`. Run it again after an
        interruption and it goes on where it was, in the middle of large objects too.

        Args:
            source: A local folder as a `pathlib.Path`; a bucket; a URL such as
                ``"s3://acme/data"``; or any other `str`, a folder of this bucket.
            target: As *source*. Two local folders, and places that overlap, are refused.
            delete: Also remove what only the target has: once the source was listed to its end
                without an error, and only what is still as it was listed.
            include: Only names that one of these patterns matches. ``*`` matches ``/`` too.
            exclude: No names that one of these matches; the target's are then left alone.
            compare: How two of one size are told apart: ``"content"`` by checksum, unless they
                are known to be equal; ``"size"`` not at all.
            dry_run: Change nothing; the report tells what would be done.
            allow_empty: Take a source with nothing in it as meant, and not as a mistake.
            sort: Sort listings on disk, for servers that list folder by folder.
            durable: Flush each file to disk, where the target is a local folder.
            workers: Objects at once. Together they hold up to 96 MiB in memory.
            on: ``"ray"`` spreads ranges of keys over a Ray cluster.
            progress: Called with the report so far, some ten times a second, from any thread.

        Raises:
            NotFound: the source is missing or empty.
            InvalidArgument, InvalidType: places that can't be meant; nothing was done.
            Unsupported: a listing isn't in key order, and not *sort*; nothing was deleted.
            Unauthenticated, BucketNotFound, Unavailable, NoSpace: the source or the target can't
                be listed, or all else would fail as well; the text says how much was sent.
        """
        from portable.transfers.engine import Plan, transfer

        if on not in (None, "ray"):
            raise InvalidArgument(f"on is None or 'ray', not {on!r}")
        home = self._connection
        plan = Plan(
            source=_place(source, home),
            target=_place(target, home),
            delete=delete,
            include=tuple(include) if not isinstance(include, str) else include,  # type: ignore[arg-type]
            exclude=tuple(exclude) if not isinstance(exclude, str) else exclude,  # type: ignore[arg-type]
            compare=compare,
            dry_run=dry_run,
            allow_empty=allow_empty,
            sort=sort,
            durable=durable,
            workers=workers,
        )
        if on == "ray":
            from portable.transfers.on_ray import transfer_on_ray

            return transfer_on_ray(plan, progress)
        return transfer(plan, progress)


def _place(given: Given, home: Connection) -> Place:
    """What a caller means.

    Args:
        given: A `Path`, a bucket, a URL, or any other text: a folder of the bucket *home*.
    """
    from portable.config.urls import is_url
    from portable.storage.connecting import connection_to
    from portable.transfers.places import Folder, shelf

    if isinstance(given, Path):
        return Folder(os.path.realpath(given))
    if isinstance(given, Folders):
        return shelf(given._connection, "")
    if isinstance(given, str):
        return shelf(connection_to(given), "") if is_url(given) else shelf(home, given)
    raise InvalidType(
        f"a place is a pathlib.Path, a bucket, a URL or a folder of the bucket as text, "
        f"not {type(given).__name__}"
    )
