"""Which provider is used, and with which settings.

A file, overridden by the environment, overridden by `configure`, overridden by ``with profile``.
Nothing is read before it is needed, and nothing is ever written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.config.code import configure, profile

if TYPE_CHECKING:
    from portable.config.resolve import (
        ResolvedService,
        resolve_compute,
        resolve_queue,
        resolve_storage,
    )
    from portable.config.show import Description, ShownService, ShownSetting, describe

__all__ = [
    "Description",
    "ResolvedService",
    "ShownService",
    "ShownSetting",
    "configure",
    "describe",
    "profile",
    "resolve_compute",
    "resolve_queue",
    "resolve_storage",
]


def __getattr__(name: str) -> object:
    # The rest takes longer to import than all of `import portable` may.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from portable.config import resolve, show

    found: object = getattr(resolve if hasattr(resolve, name) else show, name)
    globals()[name] = found
    return found
