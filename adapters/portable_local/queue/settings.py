"""Where the file is, and how hard it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from portable.adapter import QueueSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalQueueSettings(QueueSettings):
    """A queue in a file; several queues may share one.

    Attributes:
        path: The file, made with its folder when the first queue is. It must be on a disk of this
            machine: network file systems don't keep what SQLite needs.
        durable: What `send` did survives a power cut once it has returned, and with it all acks
            before it. The last acks of up to 0.1 s, and leases, may not: those messages come
            again. Without, a power cut may undo the last sends too. What a killed process has
            done stays done either way.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"path"})

    path: str = ".portable/queues.db"
    durable: bool = True

    @property
    def url(self) -> str:
        """``sqlite://`` with the absolute path and the queue's name."""
        return f"{self.endpoint_id}?name={self.name}"

    @property
    def endpoint_id(self) -> str:
        """The file, which its queues take turns with."""
        return Path(self.path).expanduser().absolute().as_uri().replace("file:", "sqlite:", 1)

    def problems(self) -> list[str]:
        """What is wrong with these values beyond their types; one sentence each."""
        found = QueueSettings.problems(self)
        if not self.path:
            found.append("'path' must name a file")
        return found
