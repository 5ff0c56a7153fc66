"""The tasks' folders, with the inputs and the files that go along."""

from __future__ import annotations

import contextlib
import os

from .failures import StoreError, Unfit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .manifest import Archive, Manifest
    from .store import Store

FETCHERS = 8  # inputs that are under way at once


class Folders:
    """One folder a task, below *base*. Several tasks share the files, which are read-only then.

    A task that leaves its folder empty hands it on: to make and remove one may take longer than
    the task. Safe to use from several threads, for several tasks.
    """

    def __init__(self, base: str, manifest: Manifest) -> None:
        self.base = base
        self._manifest = manifest
        self._single = len(manifest.tasks) == 1 and not manifest.function
        self._wanted = [each["path"] for each in manifest.inputs] + manifest.files
        self._above: list[str] = []
        self._used: dict[int, str] = {}
        self._empty: list[str] = []
        self._made = 0

    @property
    def shared(self) -> str:
        """Where inputs and files are before tasks get theirs."""
        return os.path.join(self.base, "task" if self._single else "shared")

    def of(self, index: int) -> str:
        """Where a task runs."""
        return self._used[index]

    @property
    def beside_files(self) -> str:
        """Where a command finds what goes along, and isn't in a task's way."""
        return self.shared if os.path.isdir(self.shared) else self.base

    def unpack(self, archive: Archive) -> None:
        """Make the folders, and write the files that are in the archive."""
        os.mkdir(self.base)
        if self._wanted or self._manifest.function:
            os.mkdir(self.shared)
        for path in self._manifest.files:
            target = self._target(path)
            with open(target, "wb") as file:
                file.write(archive.get_data(f"files/{path}"))
            if path in self._manifest.executables:
                os.chmod(target, 0o777 & ~_umask())

    def fetch(self, store: Store, go_on: Callable[[], None]) -> None:
        """Get the inputs; blocks.

        Raises:
            Unfit: one can't be had; the text says which.
        """
        wanted = self._manifest.inputs
        targets = [self._target(each["path"]) for each in wanted]
        if len(wanted) == 1:
            _fetch(store, wanted[0], targets[0], go_on)
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(FETCHERS) as pool:
            fetches = [
                pool.submit(_fetch, store, each, target, go_on)
                for each, target in zip(wanted, targets)
            ]
            try:
                for fetch in fetches:
                    fetch.result()
            except BaseException:
                for fetch in fetches:
                    fetch.cancel()
                raise

    def share(self) -> None:
        """See which folders every task needs, once all files are there."""
        if self._single or not self._wanted:
            return
        above = {os.path.dirname(path) for path in self._wanted}
        self._above = sorted({part for path in above for part in _parts(path)})
        for path in self._wanted:
            shared = os.path.join(self.shared, path)
            os.chmod(shared, os.stat(shared).st_mode & ~0o222)

    def make(self, index: int) -> str:
        """Make a task's folder; files are linked, not copied."""
        if self._single and self._wanted:
            self._used[index] = self.shared
            return self.shared
        folder = self._used[index] = self._new()
        for above in self._above:
            os.mkdir(os.path.join(folder, above))
        for path in self._wanted:
            os.link(os.path.join(self.shared, path), os.path.join(folder, path))
        return folder

    def remove(self, index: int) -> None:
        """Remove what a task leaves behind; what can't be removed stays."""
        folder = self._used.pop(index, None)
        if folder is None:
            return
        try:
            left = os.listdir(folder)
        except OSError:  # the task has removed it, or taken its permissions away
            left = [folder]
        if left:
            _remove(folder)
        else:
            self._empty.append(folder)

    def close(self) -> None:
        """Remove everything."""
        _remove(self.base)

    def _new(self) -> str:
        if self._empty:
            return self._empty.pop()
        self._made += 1
        folder = os.path.join(self.base, str(self._made))
        os.mkdir(folder)
        return folder

    def _target(self, path: str) -> str:
        parts = path.split("/")
        if os.path.isabs(path) or ".." in parts or not path:
            raise Unfit("inputs", f"{path!r} isn't a path below the task's folder")
        target = os.path.join(self.shared, path)
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
        except OSError as error:
            raise Unfit("inputs", f"{path!r} has no room: {error.strerror}") from error
        return target


def _fetch(store: Store, wanted: dict[str, Any], target: str, go_on: Callable[[], None]) -> None:
    path = wanted["path"]
    try:
        store.fetch(wanted, target, go_on)
    except (StoreError, OSError) as error:
        raise Unfit("inputs", f"the input {path!r} couldn't be fetched: {error}") from error
    size = os.path.getsize(target)
    if size != wanted.get("size", size):
        raise Unfit(
            "inputs",
            f"the input {path!r} has {size} bytes now and had {wanted['size']} when the job was "
            f"submitted: submit it again",
        )


def _parts(path: str) -> list[str]:
    parts = path.split("/") if path else []
    return ["/".join(parts[: number + 1]) for number in range(len(parts))]


def _remove(folder: str) -> None:
    import shutil  # 4 ms to import

    with contextlib.suppress(RecursionError):  # a thousand folders in one another
        shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    with contextlib.suppress(AttributeError):
        mask = os.umask(0o022)
        os.umask(mask)
        return mask
    return 0o022
