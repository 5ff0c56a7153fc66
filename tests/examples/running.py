"""Running an example as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(script: Path, folder: Path, **variables: str) -> str:
    """Run *script* in *folder*, and return what it printed."""
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("PORTABLE_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=inherited | {"MPLBACKEND": "Agg", "XDG_CONFIG_HOME": str(folder)} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
