"""What is to run, as the client wrote it into the archive."""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False  # `typing` takes 2 ms to import
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Archive(Protocol):
        """The zip application: what Python's own importer reads it with."""

        archive: str

        def get_data(self, pathname: str) -> bytes:
            """A file of it."""


VERSION = 1
INDEX = b"PORTABLE_TASK_INDEX"
PUT_MAX = 5 * 1024**3  # bytes in one request: what S3 takes, the least of all


class Manifest:
    """``manifest.json``, with the defaults of what may be left out."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._said = said
        if said["version"] != VERSION:
            raise SystemExit(f"the manifest has version {said['version']}, not {VERSION}")
        self.job: str = said["job"]
        self.shard: int = said["shard"]
        self.attempt: int = said["attempt"]
        self.tasks: list[int] = said["tasks"]
        self.count: int = said["count"]
        self.slots: int = max(1, said.get("slots", 1))
        self.command: list[str] = said.get("command") or []
        self.function: dict[str, Any] | None = said.get("function")
        self.setup: str = said.get("setup") or ""
        self.env: dict[str, str] = said.get("env") or {}
        self.timeout: float = said["timeout"]
        self.heartbeat: float = said.get("heartbeat", 10.0)
        self.flush: float = said.get("flush", 1.0)
        self.grace: float = said.get("grace", 10.0)
        self.inputs: list[dict[str, Any]] = said.get("inputs") or []
        self.outputs: list[str] = said.get("outputs") or []
        self.files: list[str] = said.get("files") or []
        self.executables: frozenset[str] = frozenset(said.get("executables") or ())
        self.store: dict[str, Any] = said["store"]
        self.put_max: int = said.get("put_max", PUT_MAX)
        self.notice: dict[str, Any] | None = said.get("notice")

    def preparing(self) -> Manifest:
        """The same with one task: the command that makes the machine ready."""
        command = ["sh", "-c", self.setup]
        return Manifest({**self._said, "command": command, "tasks": [0], "count": 1, "slots": 1})

    @property
    def is_array(self) -> bool:
        """Do the log's lines say whose they are?"""
        return self.count > 1

    def environment(self) -> dict[bytes, bytes]:
        """What tasks see, on top of the machine's own; `INDEX` is still to be set.

        Encoded once: a task is given it in 0.05 ms then, and not in 0.15.
        """
        seen = {
            "PYTHONUNBUFFERED": "1",  # or a log would show what Python prints when it ends
            **os.environ,
            **self.env,
            "PORTABLE_JOB": self.job,
            "PORTABLE_TASK_COUNT": str(self.count),
            "PORTABLE_ATTEMPT": str(self.attempt),
        }
        return {os.fsencode(name): os.fsencode(value) for name, value in seen.items()}


def read_manifest(archive: Archive) -> Manifest:
    """The manifest in the archive."""
    return Manifest(json.loads(archive.get_data("manifest.json")))


def python_version() -> list[int]:
    """The one that runs here, as a manifest has it."""
    return list(sys.version_info[:2])
