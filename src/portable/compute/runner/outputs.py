"""What tasks have made, on its way into the attempt's numbered slots."""

from __future__ import annotations

import functools
import os
import queue
import stat
import threading
import zlib

from .failures import Rejected, StoreError, TooLarge, Unfit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO, Any

    from .folders import Folders
    from .manifest import Manifest
    from .record import Record
    from .store import Store

STORERS = 4  # tasks whose outputs are under way at once


class Found:
    """One file of an output."""

    def __init__(self, task: int, path: str, real: str, size: int) -> None:
        self.task = task
        self.path = path
        self.real = real
        self.size = size

    def told(self) -> dict[str, Any]:
        """As in exit.json."""
        return {"task": self.task, "path": self.path, "size": self.size}


class _Checked:
    """A file, with the CRC-32 of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.checksum = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.checksum = zlib.crc32(data, self.checksum)
        return data


class Outputs:
    """Stores each ended task's outputs while others run, and removes its folder then."""

    def __init__(self, manifest: Manifest, folders: Folders, store: Store, record: Record) -> None:
        self._manifest = manifest
        self._folders = folders
        self._store = store
        self._record = record
        self._queue: queue.SimpleQueue[tuple[int, bool] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._used = 0
        self._last: list[Found] = []  # for the last slot
        self._later: set[int] = set()  # tasks that have something in it
        self._spoiled: list[tuple[int, str]] = []

    def add(self, index: int, *, succeeded: bool) -> None:
        """A task has ended. Where it failed, outputs that aren't there aren't missed."""
        if not self._manifest.outputs:
            self._folders.remove(index)
            return
        if len(self._threads) < min(STORERS, len(self._manifest.tasks)):
            thread = threading.Thread(target=self._work, daemon=True)
            thread.start()
            self._threads.append(thread)
        self._queue.put((index, succeeded))

    def finish(self, wait: Callable[[threading.Thread], None]) -> None:
        """Return when all is stored; *wait* is called with each thread to wait for."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            wait(thread)
        if self._last:
            last = threading.Thread(target=self._store_last, daemon=True)
            last.start()
            wait(last)
        for index, detail in self._spoiled:
            self._record.spoil(index, "outputs", detail)

    def _work(self) -> None:
        while (given := self._queue.get()) is not None:
            index, succeeded = given
            try:
                self._store_task(index, succeeded)
            except Exception as error:  # noqa: BLE001 - nothing that isn't stored goes untold
                self._spoil(index, _told(error))
            if index not in self._later:
                self._folders.remove(index)

    def _store_task(self, index: int, succeeded: bool) -> None:
        folder = self._folders.of(index)
        for path in self._manifest.outputs:
            for found in find(folder, path, index, self._spoil, missing_ok=not succeeded):
                if problem := self._too_large(found.path, found.size):
                    self._spoil(index, problem)
                    continue
                slot = self._slot()
                if slot is None:
                    self._later.add(index)
                    self._last.append(found)
                    continue
                try:
                    self._store_file(found, slot)
                except (Unfit, OSError) as error:
                    self._spoil(index, _unread(found, error))

    def _spoil(self, index: int, problem: str) -> None:
        """Something of a task can't be stored; the rest is, all the same."""
        self._spoiled.append((index, problem))

    def _slot(self) -> str | None:
        """One for a single file; `None` where only the last one is left."""
        slots = self._store.slots()
        with self._lock:
            if slots is not None and self._used >= slots - 1:
                return None
            self._used += 1
            return f"{self._used - 1:04d}"

    def _store_file(self, found: Found, slot: str) -> None:
        checksum = self._put(slot, found.path, found.real, found.size)
        self._record.outputs.append({**found.told(), "slot": slot, "crc32": checksum})

    def _put(self, slot: str, name: str, path: str, size: int) -> int:
        if problem := self._too_large(name, size):
            raise Unfit("outputs", problem)
        try:
            return self._store.put_file(f"out/{slot}", path, size, lambda: None)
        except TooLarge as error:
            told = f"the output {name!r} has {size} bytes, which storage refuses: {error}"
            raise Unfit("outputs", told) from error
        except Rejected as error:
            raise Unfit("outputs", f"the output {name!r} couldn't be stored: {error}") from error
        except StoreError as error:  # for a long time: nor will the others be
            raise StoreError(f"the output {name!r} couldn't be stored: {error}") from error

    def _too_large(self, name: str, size: int) -> str:
        """What is wrong with a file's size; empty where nothing is."""
        largest = self._manifest.put_max
        if size <= largest:
            return ""
        return (
            f"the output {name!r} has {size} bytes, and one signed request stores at most "
            f"{largest}: write it in parts, or store it from the job itself"
        )

    def _store_last(self) -> None:
        slots = self._store.slots()
        try:
            if not slots:
                raise Unfit("outputs", "the manifest has no URL for outputs")
            slot = f"{slots - 1:04d}"
            if len(self._last) == 1:
                self._store_file(self._last[0], slot)
            else:
                self._store_tar(slot)
        except Exception as error:  # noqa: BLE001 - as in `_work`
            for index in {each.task for each in self._last}:
                self._spoil(index, _told(error))

    def _store_tar(self, slot: str) -> None:
        """The rest in one tar; where each file's bytes begin in it is told with it."""
        import tarfile  # 8 ms to import

        path = os.path.join(self._folders.base, "rest.tar")
        members: list[dict[str, Any]] = []
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for found in self._last:
                info = tarfile.TarInfo(f"{found.task}/{found.path}")
                info.size = found.size
                try:
                    file = open(found.real, "rb")  # noqa: SIM115
                except OSError as error:
                    self._spoil(found.task, _unread(found, error))
                    continue
                with file:
                    body = _Checked(file)
                    tar.addfile(info, body)
                blocks = -(-found.size // tarfile.BLOCKSIZE)
                begin = tar.offset - blocks * tarfile.BLOCKSIZE
                members.append({**found.told(), "offset": begin, "crc32": body.checksum})
        size = os.path.getsize(path)
        checksum = self._put(slot, f"rest of {len(members)} files", path, size)
        self._record.outputs.append(
            {
                "task": self._last[0].task,
                "path": "",
                "slot": slot,
                "size": size,
                "crc32": checksum,
                "tar": True,
                "members": members,
            }
        )


def _unread(found: Found, error: Unfit | OSError) -> str:
    if isinstance(error, Unfit):
        return error.detail
    return f"the output {found.path!r} can't be read: {error.strerror or error}"


def _told(error: Exception) -> str:
    if isinstance(error, (Unfit, StoreError)):
        return str(error)
    return f"the outputs couldn't be stored: {type(error).__name__}: {error}"


def find(
    folder: str,
    path: str,
    task: int,
    spoil: Callable[[int, str], None],
    *,
    missing_ok: bool,
) -> Iterator[Found]:
    """The files of one output, which is a file or a folder, in their order.

    *spoil* is told of what isn't there, leads out of the task's folder, or is neither.
    """
    whole = os.path.join(folder, path)
    if os.path.lexists(whole):
        problem = functools.partial(spoil, task)
        yield from _below(os.path.realpath(folder), whole, path.rstrip("/"), task, (), problem)
    elif not missing_ok:
        spoil(task, f"the task ended well and the output {path!r} isn't there")


def _below(
    root: str,
    whole: str,
    path: str,
    task: int,
    above: tuple[str, ...],
    problem: Callable[[str], None],
) -> Iterator[Found]:
    real = os.path.realpath(whole)
    if real != root and not real.startswith(root + os.sep):
        problem(
            f"the output {path!r} is or has a link to {real}, which is outside of the task's "
            f"folder: copy what it leads to"
        )
        return
    try:
        status = os.stat(real)
        names = sorted(os.listdir(real)) if stat.S_ISDIR(status.st_mode) else []
    except FileNotFoundError:
        problem(f"the output {path!r} is a link to nothing")
        return
    except OSError as error:
        problem(f"the output {path!r} can't be read: {error.strerror}")
        return
    if stat.S_ISREG(status.st_mode):
        yield Found(task, path, real, status.st_size)
    elif not stat.S_ISDIR(status.st_mode):
        problem(f"the output {path!r} is neither a file nor a folder")
    elif real in above:
        problem(f"the output {path!r} is a link to a folder that it is in")
    for name in names if real not in above else ():
        inside = os.path.join(real, name)
        yield from _below(root, inside, f"{path}/{name}", task, (*above, real), problem)
