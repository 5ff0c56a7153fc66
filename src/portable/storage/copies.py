"""Copying: on the server where it can reach both ends, else streamed and verified."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from portable.errors import (
    IntegrityError,
    InvalidArgument,
    NotFound,
    ObjectChanged,
    PreconditionFailed,
)
from portable.storage.bodies import opened
from portable.storage.content_types import DEFAULT
from portable.storage.metadata import check_metadata, unstamped
from portable.storage.pinned import check_revision
from portable.storage.reads import expected_crc32, fetch_whole, iterate
from portable.storage.uploads import Progress, store
from portable.storage.writes import WriteRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from portable.storage.connection import Connection
    from portable.storage.driver import StoredObject


def copy(
    origin: Connection,
    source: str,
    target_home: Connection,
    target: str,
    progress: Progress | None = None,
) -> tuple[StoredObject, StoredObject]:
    """Copy the full key *source* to the full key *target*; content type and metadata go along.

    Returns:
        The source as it was copied, and the target.
    """
    found = origin.call(lambda: origin.driver.stat(source))
    if _place(origin) == _place(target_home) and source == target:
        return found, found
    stored = target_home.call(
        lambda: target_home.driver.copy(found, target, origin=origin.driver),
        deadline=target_home.live.retry.start(size=found.size),
    )
    return found, stored or _known(
        origin, found, lambda known: _stream(origin, known, target_home, target, progress)
    )


def _place(connection: Connection) -> tuple[str, str, str]:
    """Two servers may each have a bucket of the same name, and so of the same URL."""
    settings = connection.settings
    return connection.provider, settings.endpoint_id, settings.url


def remove_source(connection: Connection, found: StoredObject, target: str) -> None:
    """Remove what was copied, and not what another may have put in its place meanwhile.

    Where the server can't decide that, the source is looked at once more just before.

    Raises:
        ObjectChanged: the source is another revision now; it is kept.
    """
    driver, able = connection.driver, connection.capabilities
    condition = found.revision if able.put_if_match else None
    try:
        if condition is None:
            check_revision(connection.call(lambda: driver.stat(found.key)), found.revision)
        errors = connection.call(lambda: driver.delete([found.key], if_match=condition))
    except PreconditionFailed as error:
        if not _exists(connection, found.key):
            return  # gone already: some servers call that a failed condition, too
        raise ObjectChanged(
            f"the source was replaced while it was copied to {target!r}; both are kept"
        ) from error
    for failure in errors.values():
        raise failure


def _exists(connection: Connection, key: str) -> bool:
    try:
        connection.call(lambda: connection.driver.stat(key))
    except NotFound:
        return False
    return True


def _known(
    origin: Connection, found: StoredObject, send: Callable[[StoredObject], StoredObject]
) -> StoredObject:
    """*send* it, though the digest that was left with it may be that of what was there before."""
    try:
        return send(found)
    except IntegrityError:
        if found.crc32 is not None:  # the server's own
            raise
        read = fetch_whole(origin, found.key, lambda _: None, lambda *_: None, found.revision)
        if expected_crc32(read) == expected_crc32(found):
            raise
        return send(read)


def _stream(
    origin: Connection,
    found: StoredObject,
    target_home: Connection,
    target: str,
    progress: Progress | None,
) -> StoredObject:
    user, _ = unstamped(found.metadata or {}, ascii_only=origin.capabilities.metadata_ascii)
    request = WriteRequest(content_type=found.content_type or DEFAULT, metadata=_portable(user))
    with closing(iterate(origin, found.key, found)) as chunks, opened(chunks) as read_once:
        source = replace(read_once, size=found.size, digest=lambda: expected_crc32(found))
        stored = store(target_home, target, source, request, progress)
    if stored.size != found.size:
        raise IntegrityError(f"{stored.size} bytes arrived of {found.size}")
    return stored


def _portable(metadata: dict[str, str]) -> dict[str, str]:
    try:
        return check_metadata(metadata)
    except InvalidArgument as error:
        raise InvalidArgument(
            f"the source's metadata, written by another tool, can't be kept everywhere: "
            f"{error.message}"
        ) from error
