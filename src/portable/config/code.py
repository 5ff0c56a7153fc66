"""Configuration in code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from portable.config import state
from portable.errors import InvalidType

if TYPE_CHECKING:
    import os


def configure(
    *,
    profile: str | None = None,
    file: str | os.PathLike[str] | None = None,
    storage: str | Mapping[str, object] | None = None,
    queue: str | Mapping[str, object] | None = None,
    compute: str | Mapping[str, object] | None = None,
) -> None:
    """Set the configuration of this process, in place of what an earlier call set.

    With no arguments it forgets what was set. What can't be used is refused here, and then the
    earlier configuration stays. Threads see the change at their next call; buckets and queues that
    are open keep their settings, and processes started with ``spawn`` don't inherit it.

    Args:
        profile: The profile to use. The environment's ``PORTABLE_STORAGE…``,
            ``PORTABLE_QUEUE…`` and ``PORTABLE_COMPUTE…`` then count for nothing.
        file: The file to read, instead of the one that would be found.
        storage: A URL, or a table with ``provider``, replaces the profile's storage; a table
            without changes single settings of it.
        queue: The same for the profile's queue.
        compute: The same for where the profile's jobs run.

    Raises:
        ConfigError: with every problem found.
    """
    from portable.config.files import absolute
    from portable.config.kinds import KINDS
    from portable.config.profiles import active_profile
    from portable.config.resolve import resolve_in

    wanted = state.Configured(
        profile=profile,
        file=None if file is None else absolute(file, None),
        storage=_taken("storage", storage),
        queue=_taken("queue", queue),
        compute=_taken("compute", compute),
    )
    if wanted != state.Configured():
        active = active_profile(wanted, None)
        for kind in KINDS:
            if wanted.of(kind) is not None:
                resolve_in(kind, active, None, wanted.of(kind))
        active.problems().raise_any()
    state.replace(wanted)


def _taken(
    name: str, value: str | Mapping[str, object] | None
) -> str | Mapping[str, object] | None:
    if value is not None and not isinstance(value, str | Mapping):
        raise InvalidType(f"{name} must be a URL or a mapping, not a {type(value).__name__}")
    return dict(value) if isinstance(value, Mapping) else value


@contextmanager
def profile(name: str) -> Iterator[None]:
    """Use a profile, or an adapter by its name, in a ``with`` block.

    It holds in this thread or task, and in tasks started from it; not in other threads. Blocks
    nest. Inside, neither the environment nor `configure` changes the profile's services.

    Raises:
        ConfigError: there is no such profile.
    """
    from portable.config.profiles import active_profile

    active_profile(state.configured(), name)
    token = state.in_block.set(name)
    try:
        yield
    finally:
        state.in_block.reset(token)
