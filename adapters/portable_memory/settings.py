"""What can be configured."""

from __future__ import annotations

from dataclasses import dataclass

from portable.adapter import QueueSettings, StorageSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings(StorageSettings):
    """Which of the process's buckets."""

    name: str = "default"

    @property
    def url(self) -> str:
        return f"memory://{self.name}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryQueueSettings(QueueSettings):
    """Which of the process's queues."""

    @property
    def url(self) -> str:
        return f"memory://{self.name}"
