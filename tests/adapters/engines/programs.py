"""Python in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

SECONDS = 30  # for the whole process; a child that hangs would take for ever


def output_of(program: str, environment: Mapping[str, str]) -> str:
    """What *program* prints, with *environment* added to this one's."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()
