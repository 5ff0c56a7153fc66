"""What code has asked for: `configure` for the process, `profile` for a block."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from portable.config.kinds import Kind


@dataclass(frozen=True, slots=True)
class Configured:
    """The arguments of the last `configure`; replaced as a whole, so readers need no lock."""

    profile: str | None = None
    file: Path | None = None
    storage: str | Mapping[str, object] | None = None
    queue: str | Mapping[str, object] | None = None
    compute: str | Mapping[str, object] | None = None

    def of(self, kind: Kind) -> str | Mapping[str, object] | None:
        """What was said of one service."""
        return {"storage": self.storage, "queue": self.queue, "compute": self.compute}[kind.name]


_configured = Configured()

in_block: ContextVar[str | None] = ContextVar("portable.profile", default=None)


def configured() -> Configured:
    """Return what holds for the process now."""
    return _configured


def replace(wanted: Configured) -> None:
    """Let *wanted* hold from now on."""
    global _configured
    _configured = wanted
