"""Making a staged file an object, and removing one: atomic for readers, in turns for writers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from portable.errors import (
    AlreadyExists,
    OutcomeUnknown,
    PreconditionFailed,
    Unavailable,
    Unsupported,
)
from portable.storage.driver import WriteOptions
from portable_local.folders import remove_empty, sync
from portable_local.locks import locked
from portable_local.names import key_of, path_of
from portable_local.objects import Found, Objects
from portable_local.staging import Staged, Staging

_ATTEMPTS = 50


class Publisher:
    """Every change of what one root holds goes through here."""

    def __init__(self, objects: Objects, staging: Staging) -> None:
        self._objects = objects
        self._root = objects.root
        self._staging = staging

    def stage(self, key: str) -> Staged:
        """Begin a file for *key*; its folders are made."""
        folders = path_of(key)[:-1]
        for _ in _attempts():
            try:
                with self._root.folder(folders, make=True) as folder:
                    return self._staging.open(folder)
            except FileNotFoundError:
                continue
            except NotADirectoryError as error:
                raise self._below_object(key) from error
        raise _busy()

    def drop(self, key: str, staged: Staged) -> None:
        """Undo `stage`; does nothing to a published file."""
        staged.close()
        self._root.prune(path_of(key)[:-1])

    def publish(self, key: str, staged: Staged, write: WriteOptions) -> None:
        """Make the staged file the object *key*, if the conditions hold."""
        path = path_of(key)
        for _ in _attempts():
            try:
                with self._root.folder(path[:-1], make=True) as folder:
                    with locked(self._root, path):
                        self._place(key, path[-1], staged, folder, write)
                    self._settle(folder)
                    return
            except FileNotFoundError:
                continue
            except NotADirectoryError as error:
                raise self._below_object(key) from error
        raise _busy()

    def remove(self, keys: Sequence[str], if_match: str | None = None) -> None:
        """Remove objects that are in one folder; missing ones are removed already."""
        folders = path_of(keys[0])[:-1]
        try:
            with self._root.folder(folders) as folder:
                for key in keys:
                    path = path_of(key)
                    with locked(self._root, path):
                        self._take_away(key, path[-1], folder, if_match)
                self._settle(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        self._root.prune(folders)

    def _place(self, key: str, name: str, staged: Staged, folder: int, write: WriteOptions) -> None:
        while True:
            if write.if_match is None:
                try:
                    return staged.publish_new(folder, name)
                except FileExistsError:
                    pass
            try:
                current = self._objects.find_in(folder, name)
            except FileNotFoundError:
                if write.if_match is not None:
                    raise PreconditionFailed("there is no such object") from None
                _make_way(key, folder, name)
                continue
            with current:
                self._check(key, name, current, folder, write)
                return self._replace(staged, current, folder, name)

    def _check(self, key: str, name: str, current: Found, folder: int, write: WriteOptions) -> None:
        if self._objects.is_other(current, key) or (
            current.written_as is None and name not in os.listdir(folder)
        ):
            other = repr(current.written_as) if current.written_as else "a file that is there"
            raise Unsupported(
                f"the file system can't hold both {key!r} and {other}: their names differ only "
                "in case or in Unicode form; use another key"
            )
        if write.if_absent:
            raise AlreadyExists("the object exists")
        if write.if_match is not None and write.if_match != current.revision:
            raise PreconditionFailed(
                f"the object is revision {current.revision!r}, not {write.if_match!r}"
            )

    def _replace(self, staged: Staged, current: Found, folder: int, name: str) -> None:
        if not (current.recorded and current.written_as):
            return staged.publish_over(folder, name)
        retired = self._staging.retire(folder, name)
        staged.publish_over(folder, name)
        return self._staging.discard(current.status.st_ino, retired)

    def _take_away(self, key: str, name: str, folder: int, if_match: str | None) -> None:
        try:
            current = self._objects.find_in(folder, name)
        except FileNotFoundError:
            return
        with current:
            if self._objects.is_other(current, key):
                return
            if if_match is not None and if_match != current.revision:
                raise PreconditionFailed(
                    f"the object is revision {current.revision!r}, not {if_match!r}"
                )
            if current.recorded and current.written_as:
                self._staging.discard(current.status.st_ino, self._staging.take(folder, name))
            else:
                os.unlink(name, dir_fd=folder)

    def _settle(self, folder: int) -> None:
        if not self._root.durable:
            return
        try:
            sync(folder)
        except OSError as error:
            raise OutcomeUnknown(
                "it was done, but the folder couldn't be synced to the disk, so a power cut may "
                "undo it; check the disk",
                ambiguous=True,
            ) from error

    def _below_object(self, key: str) -> Unsupported:
        path = path_of(key)
        for depth in range(1, len(path)):
            try:
                os.close(self._root.open(path[:depth]))
            except NotADirectoryError:
                return _clash(key, f"there is an object {key_of(path[:depth])!r}")
            except OSError:
                break
        return _clash(key, "a part of it is an object already")


def _make_way(key: str, folder: int, name: str) -> None:
    """Remove what stands at an object's place and is no object: empty folders only."""
    try:
        remove_empty(name, folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _clash(key, f"there are files below {key + '/'!r}") from error


def _clash(key: str, why: str) -> Unsupported:
    return Unsupported(
        f"{key!r} can't be stored: {why}, and a folder of files can't hold an object that is "
        "also a folder of objects; use another key, or a provider with `nested_keys`"
    )


def _attempts() -> Iterator[None]:
    """Try again while a delete removes the folder that is being written into."""
    for attempt in range(_ATTEMPTS):
        yield
        time.sleep(attempt / 1000)  # a folder may be found for a moment after it was removed


def _busy() -> Unavailable:
    return Unavailable("its folder was removed again and again; try again")
