"""Files into a local folder, each whole or not at all, and nothing ever outside of it.

Folders are opened name by name and no symbolic link is followed, so whatever a key says and
whoever changes the folder meanwhile, a file lands below the root. What is on its way is in a
hidden folder there, each file locked by its writer: one that isn't locked is a leftover.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager

from portable.errors import AlreadyExists, PortableError, PreconditionFailed
from portable.transfers.bytes_of import crc32_of
from portable.transfers.file_names import Where, check_name
from portable.transfers.local_errors import translated
from portable.transfers.walk import PARTIAL, file_token

KEPT = "kept-"  # begins the names of what a later run goes on with
KEPT_SECONDS = 7 * 24 * 3600.0
LOCK_SECONDS = 0.1

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_DESCRIPTORS = "/proc/self/fd"
# Of O_TMPFILE: the file system, or the kernel, has no such thing.
_NO_UNNAMED = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT})
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})


class Arrival:
    """A file on its way.

    Attributes:
        file: Open for reading and writing.
        notes: A second one, where what is there is kept when it fails; else -1.
        token: Its identity in its place; empty before.
    """

    def __init__(self, file: int, notes: int = -1) -> None:
        self.file = file
        self.notes = notes
        self.token = ""


class Landing:
    """A target folder."""

    def __init__(self, root: str, *, durable: bool) -> None:
        """Nothing is made before the first file.

        Args:
            root: Absolute, links in it resolved.
            durable: Is each file to survive a power cut once it is counted as sent?
        """
        self._root = root
        self._durable = durable
        self._can_be_unnamed = hasattr(os, "O_TMPFILE") and os.path.isdir(_DESCRIPTORS)  # noqa: PTH112

    @contextmanager
    def arriving(self, name: str, seen: str | None) -> Iterator[Arrival]:
        """Give a file that becomes *name* when the block ends well.

        Args:
            seen: The token of the file that it replaces; `None` if there must be none.

        Raises:
            InvalidKey, AlreadyExists, InvalidArgument: *name* can't be a file here.
        """
        where = check_name(name)
        with translated(name):
            if seen is None and (file := self._unnamed()) is not None:
                try:
                    arrival = Arrival(file)
                    yield arrival
                    self._publish(arrival, None, where, seen)
                finally:
                    os.close(file)
                return
            temporary = secrets.token_hex(12)
            with self._opened(temporary, os.O_EXCL) as file:
                try:
                    arrival = Arrival(file)
                    yield arrival
                    self._publish(arrival, temporary, where, seen)
                except BaseException:
                    self._unlink(temporary)
                    raise

    @contextmanager
    def keeping(self, name: str, seen: str | None, mark: str) -> Iterator[Arrival]:
        """Like `arriving`, and what is there when the block fails is kept for the next time.

        Args:
            mark: Names what is being written; the next run that asks for it gets both back.

        Raises:
            PortableError: another process is at it.
        """
        where = check_name(name)
        with (
            translated(name),
            self._opened(KEPT + mark) as file,
            self._opened(f"{KEPT}{mark}.notes") as notes,
        ):
            arrival = Arrival(file, notes)
            yield arrival
            self._publish(arrival, KEPT + mark, where, seen)
            self._unlink(f"{KEPT}{mark}.notes")

    @contextmanager
    def reading(self, name: str) -> Iterator[int]:
        """Open the file *name*."""
        folders, file = check_name(name)
        with translated(name), self._folder(folders) as folder:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            try:
                yield descriptor
            finally:
                os.close(descriptor)

    def remove(self, name: str, seen: str) -> None:
        """Remove the file *name*, and the folders that are empty then.

        Raises:
            PreconditionFailed: it isn't the one that was *seen* any more.
        """
        folders, file = check_name(name)
        with (
            translated(name),
            contextlib.suppress(FileNotFoundError),
            self._folder(folders) as folder,
        ):
            if file_token(os.stat(file, dir_fd=folder, follow_symlinks=False)) != seen:
                raise PreconditionFailed("the file was changed meanwhile, and is kept")
            os.unlink(file, dir_fd=folder)
        with contextlib.suppress(OSError, PortableError):
            for depth in range(len(folders), 0, -1):
                with self._folder(folders[: depth - 1]) as above:
                    os.rmdir(folders[depth - 1], dir_fd=above)

    def sweep(self, *, finished: bool = False) -> None:
        """Remove what killed runs left, but for what can be gone on with.

        Args:
            finished: All has arrived, so that there is nothing to go on with.
        """
        with contextlib.suppress(OSError, PortableError):
            with self._folder([PARTIAL]) as folder:
                oldest = time.time() - (0 if finished else KEPT_SECONDS)
                for name in os.listdir(folder):  # noqa: PTH208
                    with contextlib.suppress(OSError):
                        _sweep(name, folder, oldest)
            with self._folder([]) as root:
                os.rmdir(PARTIAL, dir_fd=root)

    def _unnamed(self) -> int | None:
        """Open a file that has no name yet, and so leaves nothing behind; `None` if there is no such.

        It costs half of what a name for the meantime does.
        """
        if not self._can_be_unnamed:
            return None
        with self._folder([], make=True) as root:
            try:
                return os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666, dir_fd=root)
            except OSError as error:
                if error.errno not in _NO_UNNAMED:
                    raise
                self._can_be_unnamed = False
                return None

    @contextmanager
    def _opened(self, temporary: str, flags: int = 0) -> Iterator[int]:
        while True:
            with self._folder([PARTIAL], make=True) as folder:
                try:
                    file = os.open(temporary, _FILE | flags, 0o666, dir_fd=folder)
                except FileNotFoundError:
                    continue  # another run swept the folder away just now
            try:
                _lock(file)
                if os.fstat(file).st_nlink:  # else a sweep came between the two
                    yield file
                    return
            finally:
                os.close(file)

    def _publish(
        self, arrival: Arrival, temporary: str | None, where: Where, seen: str | None
    ) -> None:
        folders, last = where
        with self._folder(folders, make=True) as folder:
            if self._durable:
                os.fsync(arrival.file)
            if temporary is None:
                self._name(arrival.file, last, folder)
            else:
                with self._folder([PARTIAL]) as partial:
                    self._move(arrival.file, (temporary, partial), (last, folder), seen)
            if self._durable:
                os.fsync(folder)
        arrival.token = file_token(os.fstat(arrival.file))

    def _name(self, file: int, name: str, folder: int) -> None:
        try:
            os.link(f"{_DESCRIPTORS}/{file}", name, dst_dir_fd=folder, follow_symlinks=True)
        except FileExistsError:
            there = _status(name, folder)
            if not _is_file(there) or not _is_same(file, name, folder):
                raise _in_the_way(there) from None

    def _move(
        self, file: int, source: tuple[str, int], target: tuple[str, int], seen: str | None
    ) -> None:
        (temporary, partial), (name, folder) = source, target
        there = _status(name, folder)
        if there is not None and not _is_file(there):
            raise _in_the_way(there)
        if seen is None:
            try:
                _place_new(temporary, partial, name, folder)
            except FileExistsError:
                if not _is_same(file, name, folder):
                    raise _in_the_way(_status(name, folder)) from None
                os.unlink(temporary, dir_fd=partial)
        else:
            if there is not None:
                os.fchmod(file, stat.S_IMODE(there.st_mode) & 0o777)
            os.rename(temporary, name, src_dir_fd=partial, dst_dir_fd=folder)

    def _unlink(self, temporary: str) -> None:
        with contextlib.suppress(OSError, PortableError), self._folder([PARTIAL]) as folder:
            os.unlink(temporary, dir_fd=folder)

    @contextmanager
    def _folder(self, names: list[str], *, make: bool = False) -> Iterator[int]:
        try:
            descriptor = os.open(self._root, _FOLDER)
        except FileNotFoundError:
            if not make:
                raise
            os.makedirs(self._root, exist_ok=True)  # noqa: PTH103
            descriptor = os.open(self._root, _FOLDER)
        try:
            for name in names:
                below = self._enter(name, descriptor, make=make)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    def _enter(self, name: str, parent: int, *, make: bool) -> int:
        while True:
            try:
                return os.open(name, _FOLDER, dir_fd=parent)
            except FileNotFoundError:
                if not make:
                    raise
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=parent)
                    if self._durable:
                        os.fsync(parent)
            except OSError as error:
                if error.errno in (errno.ENOTDIR, errno.ELOOP):
                    raise AlreadyExists(
                        f"a file or a symbolic link is where the folder {name!r} is needed"
                    ) from error
                raise


def _lock(file: int) -> None:
    """Lock it: a sweep has it for a moment, another download for as long as that takes."""
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise PortableError("another process is downloading it") from error
            time.sleep(LOCK_SECONDS / 50)
        else:
            return


def _sweep(name: str, folder: int, oldest: float) -> None:
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not name.startswith(KEPT) or os.fstat(file).st_mtime <= oldest:
            os.unlink(name, dir_fd=folder)
    finally:
        os.close(file)


def _place_new(temporary: str, partial: int, name: str, folder: int) -> None:
    """Give it its name, which must be free: also where two keys are one name to the disk."""
    try:
        os.link(temporary, name, src_dir_fd=partial, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if _status(name, folder) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(temporary, name, src_dir_fd=partial, dst_dir_fd=folder)
    else:
        os.unlink(temporary, dir_fd=partial)


def _is_same(file: int, name: str, folder: int) -> bool:
    """Did another run bring the same bytes under the very same name?"""
    if name not in os.listdir(folder):
        return False
    there = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        same_size = os.fstat(there).st_size == os.fstat(file).st_size
        return same_size and crc32_of(there) == crc32_of(file)
    finally:
        os.close(there)


def _status(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _is_file(there: os.stat_result | None) -> bool:
    return there is not None and stat.S_ISREG(there.st_mode)


def _in_the_way(there: os.stat_result | None) -> PortableError:
    if there is not None and stat.S_ISDIR(there.st_mode):
        return AlreadyExists("a folder is where the file is needed")
    if there is not None and not stat.S_ISREG(there.st_mode):
        return AlreadyExists("a symbolic link, a device or a pipe is there")
    return AlreadyExists(
        "a file of that name came meanwhile, or is another key's: this disk may not tell upper "
        "from lower case, or one way to write an accent from another"
    )
