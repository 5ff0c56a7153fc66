"""Bodies that are too large for the provider: they are in storage, the message has their key."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import uuid
from typing import TYPE_CHECKING

from portable.adapter import DEAD_SUFFIX
from portable.errors import ConfigError, IntegrityError, NotFound, PortableError
from portable.queue.wire import PAYLOAD, Content

if TYPE_CHECKING:
    from portable.queue.connection import Connection

FOLDER = "portable-payloads"

_log = logging.getLogger("portable.queue")


def stored(connection: Connection, content: Content) -> Content:
    """Put the body into storage; what is left is its key, its size and its digest."""
    key = f"{_folder(connection)}{uuid.uuid4().hex}"
    connection.store.put(key, content.data, content_type="application/octet-stream")
    digest = hashlib.sha256(content.data).hexdigest()
    pointer = {"key": key, "size": len(content.data), "sha256": digest}
    own = {**content.own, PAYLOAD: json.dumps(pointer, separators=(",", ":"))}
    return Content(kind=content.kind, data=b"", attributes=content.attributes, own=own)


def there_are(connection: Connection) -> bool:
    """Are there bodies of this queue's, or of its dead letters'?"""
    try:
        return any(True for _ in connection.store.list(_folder(connection), limit=1))
    except (ConfigError, NotFound):  # there is no storage
        return False
    except PortableError as error:
        _log.warning("large bodies stay in storage, since that can't be asked: %s", error)
        return False


def fetched(connection: Connection, content: Content) -> bytes:
    """The body from storage.

    Raises:
        NotFound: it was removed, as after an ack of the same message elsewhere.
        IntegrityError: it isn't what was sent, or the message names a key that no queue made.
    """
    key, size, digest = _pointer(connection, content)
    data = connection.store.get(key)
    if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
        raise IntegrityError(f"the body in storage at {key!r} isn't what was sent")
    return data


def remove(connection: Connection, content: Content) -> None:
    """Remove the body from storage; a failure costs only space, and is logged."""
    try:
        connection.store.delete(_pointer(connection, content)[0])
    except PortableError as error:
        _log.warning("the body of a message that is gone stays in storage: %s", error)


def _folder(connection: Connection) -> str:
    """A queue and its dead letters have one: messages go to and fro between them."""
    return f"{FOLDER}/{connection.settings.name.removesuffix(DEAD_SUFFIX)}/"


def _pointer(connection: Connection, content: Content) -> tuple[str, int, str]:
    """The key, size and digest that a message names.

    Anybody who may send could name any key of the bucket, so only those are taken that the queue
    itself makes.
    """
    try:
        said = json.loads(content.own[PAYLOAD])
        key, size, digest = said["key"], said["size"], said["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(f"the message doesn't say where its body is: {error}") from error
    folder = _folder(connection)
    if not isinstance(key, str) or not re.fullmatch(re.escape(folder) + "[0-9a-f]{32}", key):
        raise IntegrityError(
            f"the message says that its body is at {str(key)[:200]!r}, which is no key of this "
            f"queue's; nothing was read"
        )
    return key, size, digest
