"""Attempts: the archive made, the runner started as a boot script does, and what it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from portable.compute.archive import make_archive
from tests.compute.runner.objects import Objects

DOCUMENTS = ("started", "state", "exit", "cancel")
SLOTS = 4


class Store(Protocol):
    """Where an attempt's objects are, as its client sees it."""

    def manifest(self) -> dict[str, Any]:
        """For ``store``."""

    def read(self, name: str) -> bytes | None:
        """An object by the contract's name."""

    def write(self, name: str, data: bytes) -> None:
        """As a client does."""

    def input(self, name: str, data: bytes) -> dict[str, Any]:
        """Keep an input; return what the manifest says of it."""


class Folder:
    """Storage that this machine sees."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    def manifest(self) -> dict[str, Any]:
        return {"folder": str(self.folder)}

    def path(self, name: str) -> Path:
        return self.folder / (f"{name}.json" if name in DOCUMENTS else name)

    def read(self, name: str) -> bytes | None:
        path = self.path(name)
        return path.read_bytes() if path.exists() else None

    def write(self, name: str, data: bytes) -> None:
        self.path(name).write_bytes(data)

    def input(self, name: str, data: bytes) -> dict[str, Any]:
        path = self.folder.parent / f"input-{name.replace('/', '-')}"
        path.write_bytes(data)
        return {"path": name, "file": str(path), "size": len(data)}


class Signed:
    """Storage by URLs, such as a proxy's."""

    def __init__(self, objects: Objects, port: int) -> None:
        self.objects = objects
        self._base = f"http://127.0.0.1:{port}"

    def manifest(self) -> dict[str, Any]:
        names = [f"{kind}/{n:04d}" for kind in ("log", "results") for n in range(64)]
        names += [f"out/{n:04d}" for n in range(SLOTS)]
        signed = {name: self._signed(name) for name in ("state", "cancel", *names)}
        for name in ("started", "exit"):
            signed[name] = {**self._signed(name), "headers": {"If-None-Match": "*"}}
        signed["started/read"] = self._signed("started")
        return {"signed": signed}

    def _signed(self, name: str) -> dict[str, Any]:
        return {"url": f"{self._base}/{name}?signature=secret", "headers": {}}

    def read(self, name: str) -> bytes | None:
        return self.objects.content.get(name)

    def write(self, name: str, data: bytes) -> None:
        self.objects.content[name] = data

    def input(self, name: str, data: bytes) -> dict[str, Any]:
        self.objects.content[f"in/{name}"] = data
        return {"path": name, "get": self._signed(f"in/{name}"), "size": len(data)}


class Attempt:
    """One runner's."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def make(self, command: str | list[str] | None = None, **said: Any) -> Path:
        """Write the archive."""
        tasks = said.pop("tasks", [0])
        along = {
            name: said.pop(name)
            for name in ("files", "executables", "function", "items", "written_by")
            if name in said
        }
        manifest = {
            "version": 1,
            "job": "demo",
            "shard": 0,
            "attempt": 1,
            "tasks": tasks,
            "count": len(tasks),
            "command": ["sh", "-c", command] if isinstance(command, str) else command,
            "timeout": 30.0,
            "heartbeat": 5.0,
            "flush": 0.1,
            "grace": 0.3,
            "store": self.store.manifest(),
            **said,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "job.pyz"
        path.write_bytes(make_archive(manifest, **along))
        return path

    def start(
        self, command: str | list[str] | None = None, python: str = sys.executable, **said: Any
    ) -> subprocess.Popen[bytes]:
        """Start the runner."""
        path = self.make(command, **said)
        self.process = subprocess.Popen(
            [python, "-IS", str(path)], cwd=self.folder, stderr=subprocess.PIPE
        )
        return self.process

    def run(self, command: str | list[str] | None = None, **said: Any) -> dict[str, Any]:
        """Run it to its end, and return ``exit.json``."""
        self.start(command, **said)
        assert self.wait() == 0, self.errors
        return self.exit

    def wait(self) -> int:
        """For its end."""
        assert self.process is not None
        _, errors = self.process.communicate(timeout=30)
        self.errors = errors.decode()
        return self.process.returncode

    @property
    def exit(self) -> dict[str, Any]:
        """``exit.json``."""
        found = self.store.read("exit")
        assert found is not None
        said: dict[str, Any] = json.loads(found)
        return said

    @property
    def log(self) -> bytes:
        """All of it."""
        return self._all("log", self.exit["segments"]["log"])

    @property
    def results(self) -> dict[int, dict[str, Any]]:
        """By the task's index."""
        lines = self._all("results", self.exit["segments"]["results"]).splitlines()
        return {said["index"]: said for said in map(json.loads, lines)}

    def _all(self, kind: str, segments: int) -> bytes:
        parts = [self.store.read(f"{kind}/{number:04d}") for number in range(segments)]
        assert None not in parts
        return b"".join(part for part in parts if part)

    def until(self, true: Callable[[], Any], what: str) -> None:
        """Wait for something to be."""
        end = time.monotonic() + 30
        while not true():
            assert time.monotonic() < end, what
            assert self.process is None or self.process.poll() is None, f"no longer: {what}"
            time.sleep(0.005)

    def says(self, text: bytes) -> None:
        """Wait for something in the first segment of the log."""
        self.until(lambda: text in (self.store.read("log/0000") or b""), f"{text!r} in the log")


@contextmanager
def ended(attempt: Attempt) -> Iterator[Attempt]:
    """Leave no runner behind."""
    try:
        yield attempt
    finally:
        if attempt.process is not None and attempt.process.poll() is None:
            attempt.process.kill()
            attempt.process.communicate()


def is_there(pid: int) -> bool:
    """Does the process run?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
