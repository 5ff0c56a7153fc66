"""The suite goes red for every way of being wrong that we could think of.

Each run stops at the first failure. ``PORTABLE_BREAK_TABLE=breaks.md pytest …`` runs to the end
and writes how many cases each break fails.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from portable.testing.breaks import BREAKS

ROOT = Path(__file__).parents[2]
TABLE = os.environ.get("PORTABLE_BREAK_TABLE")
EVERYWHERE = ("ignore_prefix", "ignore_if_absent", "mangle_keys", "commit_on_exception")
RUNS = [("memory", name) for name in [*BREAKS, "commit_on_exception"]] + [
    (target, name) for target in ("local", "aws") for name in EVERYWHERE
]


def _run(target: str, name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
    # Large objects break no other way than small ones, and take most of the time.
    command += ["-k", "not 17825792", *([] if TABLE else ["-x"])]
    return subprocess.run(
        [*command, "tests/conformance/broken.py"],
        cwd=ROOT,
        env={**os.environ, "PORTABLE_BREAK": name, "PORTABLE_BREAK_TARGET": target},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("target", "name"), RUNS)
def test_suite_is_red_for(target: str, name: str) -> None:
    """A driver that is broken so fails at least one case, and none by an accident of ours."""
    run = _run(target, name)
    summary = run.stdout.strip().splitlines()[-1] if run.stdout.strip() else run.stderr
    assert run.returncode == 1, (
        f"{name} on {target} went unnoticed: {summary}\n{run.stdout[-2000:]}"
    )
    failed = set(re.findall(r"^(?:FAILED|ERROR) (\S+)", run.stdout, re.MULTILINE))
    assert failed, run.stdout[-2000:]
    if TABLE:
        with Path(TABLE).open("a") as table:
            table.write(f"| {target} | {name} | {len(failed)} |\n")


@pytest.mark.timeout(300)
def test_suite_is_green_without_a_break() -> None:
    """Else red would mean nothing."""
    run = _run("memory", "")
    assert run.returncode == 0, run.stdout[-2000:]
