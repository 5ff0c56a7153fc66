"""The script that a machine boots with: it fetches the archive, runs it, and ends the machine."""

from __future__ import annotations

import shlex
from math import ceil

# Both are tried: a machine may lack one of them.
_FETCH = (
    'curl -fsSL --connect-timeout 20 -o job.pyz "$u"||'
    "{python} -c 'import sys,urllib.request as r;r.urlretrieve(*sys.argv[1:])' \"$u\" job.pyz"
)
_TRIES, _PAUSE = 9, 3  # of fetching it, and the seconds between two: a network comes up late
_LOOK = 5  # seconds between two looks of a watchdog that has no machine to itself


def boot_script(*, archive: str, is_path: bool, python: str, lifetime: float, machine: bool) -> str:
    """Return a script for a plain ``sh``.

    Args:
        archive: A signed URL, or a path where *is_path*.
        python: What starts Python 3.9 or later.
        lifetime: Seconds after which the watchdog ends the machine, or the runner where *machine*
            is False; it ends with the job.
        machine: Is it a machine of its own, which the script may and must power off?
    """
    where = shlex.quote(archive)
    program = shlex.quote(python)
    seconds = ceil(lifetime)
    lines = ["#!/bin/sh"]
    if machine:
        watch = f"trap 'kill $s' TERM;sleep {seconds}&s=$!;wait $s&&poweroff"
        lines.append(f"({watch})>/dev/null 2>&1 &\nw=$!")
    if not is_path:
        lines += [
            'd=$(mktemp -d "${TMPDIR:-/var/tmp}/portable.XXXXXX")&&cd "$d"&&{',
            f"u={where}",
            f"f(){{ {_FETCH.format(python=program)};}}",
            f"n=0;until f||[ $n -ge {_TRIES} ];do n=$((n+1));sleep {_PAUSE};done",
        ]
        where = "job.pyz"
    # -I and -S: no other program's modules and settings.
    run = f"{program} -IS {where}"
    end = "" if is_path else ";}"
    if machine:
        lines.append(f"{run}{end}\nkill $w\npoweroff")
    else:
        scratch = "" if is_path else 'PORTABLE_SCRATCH="$d" '
        lines.append(f"{_watching(seconds)}\n{scratch}exec {run}{end}")
    return "\n".join(lines) + "\n"


def _watching(seconds: int) -> str:
    """A subshell that kills this shell's process, and ends by itself where that has ended."""
    return (
        f"(n=0;while [ $n -lt {seconds} ];do sleep {_LOOK};kill -0 $$||exit;n=$((n+{_LOOK}));done;"
        "kill -9 $$)>/dev/null 2>&1 &"
    )
