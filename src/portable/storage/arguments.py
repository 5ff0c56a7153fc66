"""Arguments of a bucket's calls, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from portable.errors import InvalidArgument, InvalidType, Unsupported
from portable.storage import content_types
from portable.storage.keys import check_key
from portable.storage.metadata import check_metadata
from portable.storage.writes import WriteRequest
from portable.values import Seconds, duration

if TYPE_CHECKING:
    from portable.storage.connection import Connection

METHODS = ("GET", "PUT", "HEAD", "DELETE")


def write_request(
    connection: Connection,
    key: str,
    *,
    content_type: str | None,
    metadata: Mapping[str, str] | None,
    if_absent: bool,
    if_match: str | None,
    storage_class: str | None,
) -> WriteRequest:
    """A write that the server can carry out as it is asked for."""
    check_key(key, connection.prefix)
    if if_absent and if_match is not None:
        raise InvalidArgument("'if_absent' and 'if_match' exclude each other")
    if if_match is not None and (not isinstance(if_match, str) or not if_match):
        raise InvalidArgument("'if_match' is a revision: info.revision of a stat, put or list")
    if if_absent or if_match:
        check_conditions(connection, if_absent, if_match)
    if storage_class is not None and not connection.capabilities.storage_classes:
        raise Unsupported(
            f"the provider {connection.provider!r} has no storage classes; leave it out"
        )
    if content_type is not None:
        _check_content_type(content_type)
    return WriteRequest(
        content_type=content_type or content_types.guess(key),
        metadata={} if metadata is None else check_metadata(metadata),
        if_absent=if_absent,
        if_match=if_match,
        storage_class=storage_class,
    )


def check_conditions(connection: Connection, if_absent: bool, if_match: str | None) -> None:
    """Conditions of a write, as far as the server enforces them."""
    able = connection.capabilities
    if (if_absent and not able.put_if_absent) or (if_match and not able.put_if_match):
        raise Unsupported(
            f"this server doesn't enforce {'if_absent' if if_absent else 'if_match'}, so "
            f"portable won't pretend it does; nothing was sent. Use a server that does, or "
            f"give each writer keys of its own"
        )


def to_sign(
    connection: Connection, key: str, method: str, content_type: str | None, if_absent: bool
) -> str | None:
    """Check a request that is to be signed, and return the content type of its body."""
    if method not in METHODS:
        raise InvalidArgument(f"method {method!r} is none of {', '.join(METHODS)}")
    if method == "PUT":
        check_key(key, connection.prefix)
        check_conditions(connection, if_absent, None)
        return content_type or content_types.guess(key)
    if content_type is not None or if_absent:
        raise InvalidArgument("only a PUT has a content type, or is 'if_absent'")
    return None


def lifetime(connection: Connection, expires: Seconds) -> timedelta:
    """How long a signed request is to live."""
    longest = connection.capabilities.sign_max
    if longest is None:
        raise Unsupported(
            f"the provider {connection.provider!r} has no signed requests: no server answers "
            f"them. Read and write through portable here, or use a cloud's bucket"
        )
    life = duration(expires, "expires")
    if not timedelta(seconds=1) <= life <= longest:
        raise InvalidArgument(
            f"expires is {life.total_seconds():g} s; it can be from 1 s to "
            f"{longest.total_seconds():g} s here"
        )
    return life


def batches(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    """Keys, so many at a time."""
    if isinstance(keys, str):
        raise InvalidType("delete_many takes many keys; for one, use delete")
    batch: list[str] = []
    for key in keys:
        batch.append(key)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _check_content_type(content_type: object) -> None:
    if not isinstance(content_type, str):
        raise InvalidType(f"content_type is a str, not {type(content_type).__name__}")
    if not content_type or not content_type.isascii() or not content_type.isprintable():
        raise InvalidArgument(
            f"the content type {content_type!r} isn't printable ASCII such as 'image/png'"
        )
