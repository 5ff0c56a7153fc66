"""Running examples as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
MARK = "=== "

_IN_TURN = f"""
import os, runpy, sys
from portable.compute import shelf
shelf.SETTLE_SECONDS = 0.5  # a look and a write take no second on this machine
for word in sys.argv[1:]:
    script, machines = word.rsplit("=", 1)
    os.environ["PORTABLE_COMPUTE_MACHINES"], sys.argv = machines, [script]
    print("{MARK}" + script, flush=True)
    runpy.run_path(script, run_name="__main__")
"""


def run(script: Path, folder: Path, **variables: str) -> str:
    """Run *script* in *folder*, and return what it printed."""
    return _run([str(script)], folder, variables)


def run_in_turn(
    scripts: Sequence[tuple[str, int]], folder: Path, **variables: str
) -> list[list[str]]:
    """Run scripts, one after another in one process: imports of SDKs would be most of the work.

    Args:
        scripts: The name of each, and how many machines an array of it may have.

    Returns:
        The lines of each.
    """
    words = [f"{EXAMPLES / name}={machines}" for name, machines in scripts]
    said = _run(["-c", _IN_TURN, *words], folder, variables)
    return [each.splitlines()[1:] for each in said.split(MARK)[1:]]


def _run(words: Sequence[str], folder: Path, variables: dict[str, str]) -> str:
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("PORTABLE_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=inherited | {"MPLBACKEND": "Agg", "XDG_CONFIG_HOME": str(folder)} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
