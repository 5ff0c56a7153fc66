"""The one line that a Ray job runs: `guard`, and the boot script for it."""

from __future__ import annotations

import base64
import shlex
import zlib
from functools import lru_cache
from importlib.resources import files

BOOT_MAX = 32 * 1024  # a word of a command line has at most 128 KiB, on Linux
_UNPACKED = "__import__('zlib').decompress(__import__('base64').b64decode({})).decode()"
_RUN = (
    "import sys;s="
    + _UNPACKED.format("sys.argv.pop(1)")
    + (";sys.argv[1]=" + _UNPACKED.format("sys.argv[1]") + ";exec(compile(s,'guard','exec'))")
)


def entrypoint(boot: str, python: str) -> str:
    """A line for ``sh -c``; whatever *boot* holds, its words are plain.

    Args:
        python: What starts Python 3.9 or later there.
    """
    words = [python, "-IS", "-c", _RUN, _guard(), _packed(boot)]
    return f"exec {shlex.join(words)}"


@lru_cache
def _guard() -> str:
    return _packed(files("portable_ray").joinpath("guard.py").read_text(encoding="utf-8"))


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()
