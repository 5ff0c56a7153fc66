"""Where this machine's jobs run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from portable.adapter import ComputeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalComputeSettings(ComputeSettings):
    """Processes of this machine. One runner runs as many tasks at once as there is room for.

    Attributes:
        path: The folder in which each of them has one of its own, made when the first one starts.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"path"})

    path: str = ".portable/compute"
    machines: int = 1
    boot: float = 60.0
    usd_per_hour: float | None = 0.0

    @property
    def url(self) -> str:
        """``process://`` with the absolute path."""
        return self.folder_path.as_uri().replace("file:", "process:", 1)

    @property
    def folder_path(self) -> Path:
        """The folder, absolute."""
        return Path(self.path).expanduser().absolute()

    def problems(self) -> list[str]:
        """What is wrong with these values beyond their types; one sentence each."""
        found = ComputeSettings.problems(self)
        if not self.path:
            found.append("'path' must name a folder")
        return found
