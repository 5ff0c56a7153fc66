"""Emulators that the environment names, as Google's own clients look them up."""

from __future__ import annotations

import os


def emulated(variable: str) -> str | None:
    """What *variable* says, as a URL; it may leave ``http://`` out."""
    host = os.environ.get(variable, "")
    if not host:
        return None
    return host if "://" in host else f"http://{host}"
