"""A machine here: a process in a folder of its own, which any process of this computer finds.

====================  ====================================================================
``machine.json``      its name, token and tags: written first, only if absent
``boot.sh``           its boot script
``pid``               the process as it has told of itself; only the first one to write it runs
``console``           what the script says, beside the job's own log
``bin``               ``poweroff`` and its like: they end this machine, never the computer
``ended``             nothing of it runs any longer
``work-…``            the tasks' folders, which the runner removes
====================  ====================================================================
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portable.compute.arguments import holds_credentials
from portable.compute.driver import Launch
from portable.compute.types import InstanceInfo, InstanceState
from portable_local.compute.processes import OWN_IDENTITY, Process, belonging, end_all

MARK = "PORTABLE_MACHINE"  # in the environment of all its processes
NOTHING = "0"  # in place of an identity: it was ended before it began
_PENDING_SECONDS = 60.0  # a shell takes a millisecond; a client may be killed before it starts one
# The shell that starts the machine's own ends at once: nobody has to wait for a child.
POWER = ("poweroff", "shutdown", "halt", "reboot")
_POWEROFF = """\
#!/bin/sh
read -r id rest <{pid}
[ ! -d /proc/self ] || grep -qF {mark} "/proc/$id/environ" && kill -9 "$id"
"""
_START = f'(exec sh -c \'set -C;{{ {OWN_IDENTITY};}}>pid||exit 0;exec sh "$0"\' "$0")&'


class Machine:
    """One of them, by its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = f"{MARK}={folder}".encode()

    @property
    def exists(self) -> bool:
        """Was it ever launched?"""
        return (self._folder / "machine.json").exists()

    @property
    def has_begun(self) -> bool:
        """Has its process told of itself, or was it ended before?"""
        return (self._folder / "pid").exists()

    def claim(self, wanted: Launch) -> bool:
        """Write down whose it is; False where another launch, by its token, was first."""
        self._folder.mkdir(parents=True, exist_ok=True)
        said = {
            "name": wanted.name,
            "token": wanted.token,
            "tags": dict(wanted.tags),
            "created": time.time(),
        }
        _write(self._folder / "machine.json", json.dumps(said))
        return bool(self._said()["token"] == wanted.token)

    def start(self, boot: str) -> None:
        """Start its process; of several, one runs."""
        _write(self._folder / "boot.sh", boot)
        self._write_programs()
        with (self._folder / "console").open("ab") as console:
            subprocess.run(  # noqa: S603 - boot scripts are there to be run
                ["/bin/sh", "-c", _START, str(self._folder / "boot.sh")],
                cwd=self._folder,
                env=_environment(self._folder),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                check=True,
            )

    def look(self) -> InstanceInfo | None:
        """As `describe`; `None` where there is nothing, or no longer."""
        try:
            return self.describe()
        except FileNotFoundError:
            return None

    def describe(self) -> InstanceInfo:
        """As drivers tell of machines."""
        said, id = self._said(), self._folder.name
        state = self._state(said["created"])
        return InstanceInfo(
            id=id,
            name=said.get("name", id),  # earlier versions wrote none: it was the id
            state=state,
            raw_state=state,
            bills=state != "terminated",
            tags=said["tags"],
            created=datetime.fromtimestamp(said["created"], UTC),
        )

    def terminate(self) -> None:
        """End all its processes; return once they are gone."""
        if (self._folder / "ended").exists():
            return
        with contextlib.suppress(FileExistsError), (self._folder / "pid").open("x") as file:
            file.write(NOTHING)  # from here on none can begin
        end_all(self._root(), self._mark)
        self._end()

    def is_older(self, seconds: float) -> bool:
        """Has nothing begun or ended here for so long?"""
        return time.time() - self._folder.stat().st_mtime > seconds

    def remove(self) -> None:
        """Remove its folder; what can't be removed stays."""
        _remove(self._folder)

    def _said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self._folder / "machine.json").read_bytes())
        return said

    def _write_programs(self) -> None:
        """A script that is written for a cloud's machine switches that off at its end."""
        programs = self._folder / "bin"
        programs.mkdir(exist_ok=True)
        for name in POWER:
            program = programs / name
            program.write_text(
                _POWEROFF.format(
                    pid=shlex.quote(str(self._folder / "pid")),
                    mark=shlex.quote(self._mark.decode()),
                )
            )
            program.chmod(0o755)

    def _state(self, created: float) -> InstanceState:
        if (self._folder / "ended").exists():
            return "terminated"
        root = self._root()
        if root is not None and root.is_there():
            return "running"
        if not self.has_begun and time.time() - created < _PENDING_SECONDS:
            return "pending"
        if belonging(root, self._mark):  # the runner was killed, and left its tasks
            return "running"
        if self.has_begun:
            self._end()
        return "terminated"

    def _root(self) -> Process | None:
        try:
            line = (self._folder / "pid").read_text().strip()
        except FileNotFoundError:
            return None
        return Process(line) if line not in ("", NOTHING) else None

    def _end(self) -> None:
        (self._folder / "ended").touch()
        for left in self._folder.glob("work-*"):
            _remove(left)


def _environment(folder: Path) -> Mapping[str, str]:
    """This process's, in which ``python`` is the Python that runs here.

    What holds a cloud's credentials stays here: a job that needs it fails on any other machine.
    """
    own = os.path.dirname(sys.executable)  # noqa: PTH120
    path = os.environ.get("PATH", os.defpath)
    return {
        **{name: value for name, value in os.environ.items() if not holds_credentials(name)},
        "PATH": os.pathsep.join((str(folder / "bin"), own, path)),
        MARK: str(folder),
    }


def _remove(folder: Path) -> None:
    """What can't be removed stays."""
    with contextlib.suppress(RecursionError):  # a thousand folders in one another
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    """Whole, and only if absent."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    unfinished.write_text(text, encoding="utf-8")
    try:
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(unfinished)
    finally:
        unfinished.unlink()
