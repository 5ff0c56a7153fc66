"""Run cases of a suite over what is broken on purpose, and tell which are red."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


def failed_cases(nodes: Iterable[str], *options: str) -> Mapping[str, set[str]]:
    """The cases of *nodes* that fail in a process of their own, by class; some must."""
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, *options, *nodes], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1, run.stdout[-2000:] + run.stderr[-2000:]
    found: dict[str, set[str]] = {}
    for line in run.stdout.splitlines():
        if seen := re.match(r"(?:FAILED|ERROR) \S+?::(\w+)::(\S+)", line):
            found.setdefault(seen[1], set()).add(seen[2])
    return found


def is_among(case: str, failed: Collection[str]) -> bool:
    """Is a case one of them, with any of its parameters unless it is named with one?"""
    return any(each == case or each.startswith(f"{case}[") for each in failed)
