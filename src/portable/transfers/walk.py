"""A local folder as a listing in the order of the keys' bytes, in bounded memory.

In one folder the file ``a`` comes before ``a-b``, which comes before what is in the folder
``a/``: names sort by their bytes, a folder's with ``/`` at its end.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from portable.errors import InvalidArgument, InvalidKey, NotFound, PermissionDenied, PortableError
from portable.transfers.globs import Globs
from portable.transfers.items import Item
from portable.transfers.spill import in_order

PARTIAL = ".portable-partial"  # in the target folder: what is on its way

_KINDS = (
    (stat.S_ISLNK, "a symbolic link; links aren't followed"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISFIFO, "a pipe"),
)


class Walk:
    """One listing of the files below *root*.

    Attributes:
        complete: Is everything that is there among what was given so far? Not, when a folder
            couldn't be read, or something went away just now.
    """

    def __init__(
        self, root: str, *, globs: Globs | None = None, after: str = "", until: str | None = None
    ) -> None:
        """Begin.

        Args:
            globs: Folders all of which it excludes aren't looked into.
            after: Only names after this one.
            until: Only names up to this one, itself included.
        """
        self.complete = True
        self._root = os.fsencode(root)
        self._globs = globs or Globs()
        self._after = os.fsencode(after)
        self._until = None if until is None else os.fsencode(until)

    def __iter__(self) -> Iterator[Item]:
        levels = [self._level(b"")]
        while levels:
            try:
                name = next(levels[-1], None)
            except PortableError:  # of a temporary file
                raise
            except OSError as error:
                levels.pop()
                yield self._unread(error)
                continue
            if name is None:
                levels.pop()
            elif self._until is not None and name > self._until:
                return
            elif name.endswith(b"/"):
                if self._enters(name):
                    levels.append(self._level(name))
            elif name > self._after:
                yield self._item(name)

    def _level(self, folder: bytes) -> Iterator[bytes]:
        path = os.path.join(self._root, folder)  # noqa: PTH118 - bytes
        with os.scandir(path) as found:
            names = (
                entry.name + b"/" if entry.is_dir(follow_symlinks=False) else entry.name
                for entry in found
                if folder or entry.name != PARTIAL.encode()
            )
            for name in in_order(names):
                yield folder + name

    def _enters(self, folder: bytes) -> bool:
        if folder <= self._after and not self._after.startswith(folder):
            return False  # all below comes before
        return not self._globs.excludes_all_below(os.fsdecode(folder))

    def _item(self, name: bytes) -> Item:
        try:
            status = os.lstat(os.path.join(self._root, name))  # noqa: PTH118 - bytes
        except OSError as error:
            self.complete = False
            return _problem(name, PortableError(f"went away while it was listed: {error}"))
        if not stat.S_ISREG(status.st_mode):
            kind = next((text for test, text in _KINDS if test(status.st_mode)), "a device")
            return _problem(name, InvalidArgument(f"not a file but {kind}"))
        try:
            text = name.decode()
        except UnicodeDecodeError:
            problem = "the file's name isn't UTF-8, so it can be no key; rename it"
            return _problem(name, InvalidKey(problem))
        return Item(text, name, status.st_size, file_token(status))

    def _unread(self, error: OSError) -> Item:
        self.complete = False
        folder = os.path.relpath(os.fsencode(error.filename or b""), self._root)
        return _problem(folder + b"/", PermissionDenied(f"the folder can't be read: {error}"))


def file_token(status: os.stat_result) -> str:
    """What changes when a file is replaced, edited or touched."""
    known = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return "-".join(map(str, known))


def check_folder(path: str) -> None:
    """Raise unless *path* is a folder that is there."""
    if os.path.isdir(path):  # noqa: PTH112
        return
    if os.path.lexists(path):
        raise InvalidArgument(f"{path!r} is a file, not a folder; put and cp take one file")
    raise NotFound(f"there is no local folder {path!r}")


def _problem(name: bytes, error: PortableError) -> Item:
    return Item(name.decode("utf-8", "backslashreplace"), name, problem=error)
