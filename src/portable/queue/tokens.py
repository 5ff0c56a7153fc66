"""Tokens that name a send: unlike any other, and cheaper than random ones."""

from __future__ import annotations

import itertools
import os
import uuid

_process = ""
_count = itertools.count()  # safe in threads, as far as its `next` is one step


def new_token() -> str:
    """Another one each time, in every process."""
    return f"{_process}{next(_count)}"


def _begin() -> None:
    global _process
    _process = f"{uuid.uuid4().hex}-"


_begin()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin)
