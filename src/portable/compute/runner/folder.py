"""An attempt's objects as files of a folder that this machine and the client see."""

from __future__ import annotations

import contextlib
import os
import threading
import zlib

from .failures import Refused, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_DOCUMENTS = ("started", "state", "exit", "cancel")
_BLOCK = 1024 * 1024
# No key of a bucket in a folder has such a name, so no listing shows what is half written.
_UNFINISHED = "%portable."


class FolderStore:
    """Each file is written under another name first; nobody sees a part of it."""

    is_local = True

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._made: set[str] = set()

    def put(self, name: str, data: bytes | bytearray) -> None:
        """Store or replace an object."""
        with self._writing(name) as (unfinished, target):
            with open(unfinished, "wb") as file:
                file.write(data)
            os.replace(unfinished, target)

    def create(self, name: str, data: bytes, patience: float) -> bool:  # noqa: ARG002
        """Store an object unless there is one; then False."""
        with self._writing(name) as (unfinished, target):
            with open(unfinished, "wb") as file:
                file.write(data)
            try:
                os.link(unfinished, target)
            except FileExistsError:
                return False
            finally:
                os.unlink(unfinished)
        return True

    def exists(self, name: str) -> bool:
        """Is it there?"""
        return os.path.exists(self._path(name))

    def slots(self) -> int | None:
        """As many as one likes."""
        return None

    def put_file(self, name: str, path: str, size: int, go_on: Callable[[], None]) -> int:  # noqa: ARG002
        """Copy a file and return its CRC-32."""
        with self._writing(name) as (unfinished, target):
            checksum = _copy(path, unfinished, go_on)
            os.replace(unfinished, target)
        return checksum

    def fetch(self, wanted: dict[str, Any], target: str, go_on: Callable[[], None]) -> None:
        """Copy an input: a link would let the task change what is in storage."""
        try:
            _copy(wanted["file"], target, go_on)
        except OSError as error:
            raise Refused(f"{wanted['file']} can't be read: {error.strerror}") from error

    def _path(self, name: str) -> str:
        ending = ".json" if name in _DOCUMENTS else ""
        return os.path.join(self._folder, name + ending)

    @contextlib.contextmanager
    def _writing(self, name: str) -> Iterator[tuple[str, str]]:
        target = self._path(name)
        above, last = os.path.split(target)
        own = f"{os.getpid():x}.{threading.get_ident():x}"
        unfinished = os.path.join(above, f"{_UNFINISHED}{last}.{own}")
        try:
            if above not in self._made:
                if above != self._folder:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(above)
                self._made.add(above)
            yield unfinished, target
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise Refused(f"{target} can't be written: {error.strerror}") from error
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(unfinished)
            raise StoreError(f"{target} can't be written: {error.strerror}") from error


def _copy(source: str, target: str, go_on: Callable[[], None]) -> int:
    checksum = 0
    with open(source, "rb") as read, open(target, "wb") as written:
        while block := read.read(_BLOCK):
            go_on()
            checksum = zlib.crc32(block, checksum)
            written.write(block)
    return checksum
