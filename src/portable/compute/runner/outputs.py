"""What tasks have made, on its way into the attempt's numbered slots."""

from __future__ import annotations

import os
import queue
import stat
import threading
import zlib

from .failures import StoreError, TooLarge, Unfit

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
                later = self._store_task(index, succeeded)
            except (Unfit, StoreError, OSError) as error:
                self._spoiled.append((index, str(error)))
                later = False
            if not later:
                self._folders.remove(index)

    def _store_task(self, index: int, succeeded: bool) -> bool:
        later = False
        for path in self._manifest.outputs:
            for found in find(self._folders.of(index), path, index, missing_ok=not succeeded):
                if problem := self._too_large(found.path, found.size):
                    self._spoiled.append((index, problem))  # the others are stored all the same
                    continue
                slot = self._slot()
                if slot is None:
                    with self._lock:
                        self._last.append(found)
                    later = True
                else:
                    self._store_file(found, slot)
        return later

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
        except StoreError as error:
            raise Unfit("outputs", f"the output {name!r} couldn't be stored: {error}") from error

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
        except (Unfit, OSError) as error:
            self._spoiled += [(index, str(error)) for index in {each.task for each in self._last}]

    def _store_tar(self, slot: str) -> None:
        """The rest in one tar; where each file's bytes begin in it is told with it."""
        import tarfile  # 8 ms to import

        path = os.path.join(self._folders.base, "rest.tar")
        members: list[dict[str, Any]] = []
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for found in self._last:
                info = tarfile.TarInfo(f"{found.task}/{found.path}")
                info.size = found.size
                with open(found.real, "rb") as file:
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


def find(folder: str, path: str, task: int, *, missing_ok: bool) -> Iterator[Found]:
    """The files of one output, which is a file or a folder, in their order.

    Raises:
        Unfit: it isn't there, it leads out of the task's folder, or it is neither.
    """
    root = os.path.realpath(folder)
    whole = os.path.join(folder, path)
    if not os.path.lexists(whole):
        if missing_ok:
            return
        raise Unfit("outputs", f"the task ended well and the output {path!r} isn't there")
    yield from _below(root, whole, path.rstrip("/"), task, ())


def _below(root: str, whole: str, path: str, task: int, above: tuple[str, ...]) -> Iterator[Found]:
    real = os.path.realpath(whole)
    if real != root and not real.startswith(root + os.sep):
        raise Unfit(
            "outputs",
            f"the output {path!r} is or has a link to {real}, which is outside of the task's "
            f"folder: copy what it leads to",
        )
    try:
        status = os.stat(real)
    except FileNotFoundError:
        raise Unfit("outputs", f"the output {path!r} is a link to nothing") from None
    if stat.S_ISREG(status.st_mode):
        yield Found(task, path, real, status.st_size)
    elif stat.S_ISDIR(status.st_mode):
        if real in above:
            raise Unfit("outputs", f"the output {path!r} is a link to a folder that it is in")
        for name in sorted(os.listdir(real)):
            yield from _below(
                root, os.path.join(real, name), f"{path}/{name}", task, (*above, real)
            )
    else:
        raise Unfit("outputs", f"the output {path!r} is neither a file nor a folder")
