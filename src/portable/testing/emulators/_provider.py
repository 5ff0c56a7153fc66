"""What the stand-ins of one provider say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

BUCKET = "emulated"  # made on every provider
QUEUE = "emulated"  # made when it is first used


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulated:
    """One provider's stand-ins, running.

    Attributes:
        servers: Each one's name and where it listens; that of storage first.
        profile: The provider's table of portable.toml: services, and what they share. No secrets.
        environment: Made-up credentials, and where the provider's own tools find the stand-ins.
        unset: Variables that would lead these tools elsewhere.
    """

    servers: Mapping[str, str]
    profile: Mapping[str, object]
    environment: Mapping[str, str] = field(repr=False)
    unset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How a provider is emulated.

    Attributes:
        servers: What is started, for people.
        extra: The extra of `portable-cloud` with the SDKs that `run` needs.
        run: Start the servers, make `BUCKET`, and stop them at the end of the block. It is given
            a private folder, which is removed afterwards.
    """

    servers: str
    extra: str
    run: Callable[[Path], AbstractContextManager[Emulated]]
