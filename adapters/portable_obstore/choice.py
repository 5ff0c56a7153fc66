"""Which engine a driver gets, and what becomes of obstore in a forked process.

obstore's threads don't survive `fork`, and a call in the child then waits for ever. A child of a
process that had obstore loaded uses the provider's SDK.
"""

from __future__ import annotations

import os
import sys
import weakref
from importlib.util import find_spec

from portable.errors import MissingDependency

_drivers: weakref.WeakSet[object] = weakref.WeakSet()
_kept: list[object] = []
# Was this process forked from one that had obstore loaded? Looked at in every call.
forked = False


def is_wanted(engine: str, *, needs: str) -> bool:
    """Is the driver to be a `FastDriver`?

    Args:
        engine: ``"auto"``, ``"sdk"`` or ``"fast"``.
        needs: The SDK's module, which is imported late and must be there.

    Raises:
        MissingDependency: ``"fast"``, and obstore isn't installed.
    """
    if engine == "sdk" or forked or not _is_there(needs):
        return False  # without the SDK, making its driver says what to install
    if _is_there("obstore"):
        return True
    if engine == "fast":
        raise MissingDependency(
            "engine = \"fast\" needs 'obstore': pip install obstore, or take out 'engine'"
        )
    return False


def remember(driver: object) -> None:
    """Keep *driver* from being taken apart in a forked child."""
    _drivers.add(driver)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # nor is the package that it would be in
        return False


def _after_fork() -> None:
    global forked
    if "obstore" in sys.modules:
        forked = True
        _kept.extend(_drivers)  # their sockets belong to threads that aren't here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
