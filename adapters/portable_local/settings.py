"""Where the files are, and how hard they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from portable.adapter import StorageSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings(StorageSettings):
    """A folder as a bucket.

    Attributes:
        path: The folder, made at the first write.
        durability: ``"full"`` survives a power cut once a call has returned; ``"fast"`` survives
            the process only.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"path"})

    path: str = ".portable/storage"
    durability: Literal["full", "fast"] = "full"

    @property
    def url(self) -> str:
        """``file://`` with the absolute path, prefix included."""
        base = Path(self.path).expanduser().absolute().as_uri()
        return f"{base}/{self.prefix}" if self.prefix else base

    def problems(self) -> list[str]:
        """What is wrong with these values beyond their types; one sentence each."""
        found = StorageSettings.problems(self)
        if not self.path:
            found.append("'path' must name a folder")
        return found
