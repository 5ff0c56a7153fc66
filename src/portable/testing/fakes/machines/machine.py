"""One fake machine, as seen from the process that started it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SUPERVISOR = Path(__file__).with_name("_supervisor.py")
LATE_PYTHON = Path(__file__).with_name("_late_python.py")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What would reach this computer's own switches is written over.
SWITCHES = {
    "poweroff": "poweroff",
    "shutdown": "poweroff",
    "halt": "halt",
    "reboot": "reboot",
    "init": "",
    "systemctl": "",
}
GRACE_SECONDS = 2.0  # from a poweroff's SIGTERM to SIGKILL; systemd waits for 90 s


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """How a machine comes up.

    Attributes:
        runs: Does it run its script at all? If not, it is on and does nothing.
        seconds: Until it does.
        clock: Seconds that its clock is ahead, for the `time.time` of what its ``python3`` runs.
        poweroff: Does ``poweroff`` work?
    """

    runs: bool = True
    seconds: float = 0.0
    clock: float = 0.0
    poweroff: bool = True


class FakeMachine:
    """A folder, and a process tree that is under the same roof whatever it does.

    Attributes:
        folder: The machine's own: its script's working directory and its temporary files.
    """

    def __init__(
        self,
        folder: Path,
        script: str | bytes,
        boot: Boot,
        environment: Mapping[str, str],
        on_poweroff: Callable[[FakeMachine], object] | None,
    ) -> None:
        self.folder = folder
        self.script = script.encode() if isinstance(script, str) else script
        self._boot = boot
        self._added = environment
        self._on_poweroff = on_poweroff
        self._process: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []
        self._off = threading.Event()
        self._off.set()
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Is it switched on? What hangs or never boots is."""
        return not self._off.is_set()

    @property
    def console(self) -> str:
        """What its script has written to stdout and stderr, over all of its boots."""
        with suppress(FileNotFoundError):
            return (self.folder / "console").read_text(errors="replace")
        return ""

    def switch_on(self, boot: Boot | None = None) -> None:
        """Boot; nothing where it is on. A machine that was off keeps its disk and runs its script."""
        with self._lock:
            if self.is_on:
                return
            how = boot or self._boot
            self._lay_out(how)
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # the terminal's Ctrl-C is for the tests
            )
            self._off.clear()
            self._process = process
            thread = threading.Thread(target=self._watch, args=(process,), daemon=True)
            self._threads.append(thread)
            thread.start()
        self._say(
            {
                "folder": str(self.folder),
                "environment": self._environment(),
                "runs": how.runs,
                "seconds": how.seconds,
                "grace": GRACE_SECONDS,
                "asker": os.getpid(),
            }
        )

    def kill(self) -> None:
        """Pull the plug: everything ends at once, before this returns."""
        self._say({"do": "kill"})
        self._off.wait()

    def shut_down(self, grace: float = GRACE_SECONDS) -> None:
        """Ask every process to end (SIGTERM), and end what is left after *grace* seconds.

        So clouds stop, terminate and take away a machine. It returns at once: see `wait_off`.
        """
        self._say({"do": "end", "grace": grace})

    def hang(self) -> None:
        """Let every process stand still, until `resume`; the machine stays on."""
        self._say({"do": "hang"})

    def resume(self) -> None:
        """Let processes go on that `hang` has stopped."""
        self._say({"do": "resume"})

    def reboot(self) -> None:
        """Pull the plug and switch it on again: its script runs a second time."""
        self.kill()
        self.switch_on(Boot())

    def wait_off(self, timeout: float = 10.0) -> bool:
        """Wait until it is off; False where it isn't in time."""
        return self._off.wait(timeout)

    def close(self) -> None:
        """Pull the plug and wait until nothing of it runs any more."""
        self.kill()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _say(self, words: Mapping[str, object]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        # It is off by now, or this process is a fork of the one that started it.
        with suppress(BrokenPipeError, ValueError):
            process.stdin.write(json.dumps(words).encode() + b"\n")
            process.stdin.flush()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        by_itself = process.stdout.read() == b"poweroff\n"
        process.wait()
        process.stdout.close()
        with suppress(BrokenPipeError):
            assert process.stdin is not None
            process.stdin.close()
        self._off.set()
        if by_itself and self._on_poweroff is not None:
            self._on_poweroff(self)

    def _lay_out(self, boot: Boot) -> None:
        """Write the disk's files; those of an earlier boot stay."""
        programs = self.folder / "bin"
        for each in (programs, self.folder / "tmp"):
            each.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mkfifo(self.folder / "power", 0o600)
        for name, order in SWITCHES.items():
            # Returns at once, as the real one does; the machine ends while the caller goes on.
            told = f'echo {order} > "{self.folder}/power"' if order else "exit 1"
            if order == "poweroff" and not boot.poweroff:
                told = ":"
            _write_program(programs / name, f"#!/bin/sh\n{told}\n".encode())
        # The interpreter itself, not its virtual environment: machines have no packages.
        python = os.path.realpath(sys.executable)
        if boot.clock:
            python = f"env CLOCK_AHEAD={boot.clock} {python} -IS {LATE_PYTHON}"
        _write_program(programs / "python3", f'#!/bin/sh\nexec {python} "$@"\n'.encode())
        _write_program(self.folder / "script", self.script)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder}/bin:{PATH}",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
            **self._added,
        }


def _write_program(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o700)
