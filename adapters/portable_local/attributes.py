"""What is known of an object beyond its bytes, kept so that it can't part from them.

It is an extended attribute of the same inode. Where the file system has none, or too little
room for it, it is a record named after the inode, written before the object is published. Either
counts only while the file's size and time are the recorded ones: a file that was edited in
place, or never put through here, is an object without attributes.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from typing import Any, Protocol

from portable_local.folders import Root, sync
from portable_local.names import INTERNAL

_NAME = "user.portable"
_ELSEWHERE = b"+"  # as the extended attribute: it is in a record
_UNSUPPORTED = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_TOO_BIG = frozenset({errno.ENOSPC, errno.E2BIG, errno.ERANGE})
_ABSENT = frozenset({errno.ENODATA, getattr(errno, "ENOATTR", errno.ENODATA)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """Of one version of one object."""

    key: str
    revision: str
    content_type: str | None
    metadata: dict[str, str]
    crc32: int
    size: int
    mtime_ns: int

    def fit(self, status: os.stat_result) -> bool:
        """Are they of the content that the file has now?"""
        return status.st_size == self.size and status.st_mtime_ns == self.mtime_ns


class Named(Protocol):
    """A staged file, as far as attributes are concerned."""

    fd: int
    recorded: bool

    def name(self) -> None:
        """Give it a name in the staging folder, so that a sweep after a crash finds it."""


class AttributeStore:
    """Attributes of the files below one root."""

    def __init__(self, root: Root, *, extended: bool) -> None:
        self._root = root
        self._extended = extended and hasattr(os, "setxattr")

    @property
    def recording(self) -> bool:
        """Has this file system no extended attributes, as far as is known?"""
        return not self._extended

    def save(self, staged: Named, attributes: Attributes) -> None:
        """Attach *attributes* to a file that isn't published yet."""
        value = _encoded(attributes)
        if not (self._extended and self._attach(staged.fd, value)):
            staged.name()
            staged.recorded = True
            self._record(os.fstat(staged.fd).st_ino, value)

    def load(self, descriptor: int) -> tuple[Attributes | None, bool]:
        """Return a file's attributes, fitting or not, and whether they are in a record."""
        if self._extended:
            try:
                value = os.getxattr(descriptor, _NAME)
            except OSError as error:
                if error.errno in _ABSENT:
                    return None, False
                if error.errno not in _UNSUPPORTED:
                    raise
                self._extended = False
            else:
                if value != _ELSEWHERE:
                    return _decoded(value), False
        inode = os.fstat(descriptor).st_ino
        try:
            with self._root.folder(_folder(inode)) as folder:
                record = os.open(f"{inode:x}", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            return None, True
        with open(record, "rb") as file:
            return _decoded(file.read()), True

    def forget(self, inode: int) -> None:
        """Remove the record of a file that is gone."""
        try:
            with self._root.folder(_folder(inode)) as folder:
                os.unlink(f"{inode:x}", dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            pass

    def _attach(self, descriptor: int, value: bytes) -> bool:
        try:
            os.setxattr(descriptor, _NAME, value)
            return True
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                self._extended = False
                return False
            if error.errno not in _TOO_BIG:
                raise
        os.setxattr(descriptor, _NAME, _ELSEWHERE)
        return False

    def _record(self, inode: int, value: bytes) -> None:
        with self._root.folder(_folder(inode), make=True) as folder:
            # What is there was of an earlier file with this inode: it is gone.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            record = os.open(f"{inode:x}", flags, 0o666, dir_fd=folder)
            with open(record, "wb", buffering=0) as file:
                file.write(value)
                if self._root.durable:
                    sync(record)
            if self._root.durable:
                sync(folder)


def _folder(inode: int) -> tuple[str, ...]:
    return (INTERNAL, "attributes", f"{inode & 0xFF:02x}")


def _encoded(attributes: Attributes) -> bytes:
    fields = {
        "key": attributes.key,
        "revision": attributes.revision,
        "type": attributes.content_type,
        "metadata": attributes.metadata,
        "crc32": attributes.crc32,
        "size": attributes.size,
        "mtime_ns": attributes.mtime_ns,
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _decoded(value: bytes) -> Attributes | None:
    try:
        fields: dict[str, Any] = json.loads(value)
        return Attributes(
            key=str(fields["key"]),
            revision=str(fields["revision"]),
            content_type=None if fields["type"] is None else str(fields["type"]),
            metadata={str(name): str(text) for name, text in fields["metadata"].items()},
            crc32=int(fields["crc32"]),
            size=int(fields["size"]),
            mtime_ns=int(fields["mtime_ns"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):  # not ours, or damaged
        return None
