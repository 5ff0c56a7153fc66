"""Be one fake machine: run its script, adopt what that leaves behind, and end all of it.

Runs as a script: ``python -I -S _supervisor.py``. Standard input brings one JSON object a line:
first what to run, then what to do. Where it ends, the machine is unplugged: whoever started it is
gone. Standard output says ``poweroff`` at the end, where the machine switched itself off.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import time
from io import FileIO
from typing import Any

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
POLL_SECONDS = 0.005
ORDERS = FileIO(0)  # unbuffered: what was read ahead, select wouldn't see


class Machine:
    """The processes below this one."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.folder = order["folder"]
        self.kill_at: float | None = None
        self.asked: set[int] = set()
        self.by_itself = False  # switched off by its own programs

    def run(self) -> None:
        """Boot, and stay until the machine is off."""
        boot_at = time.monotonic() + self.order["seconds"] if self.order["runs"] else None
        # Open for writing too, so that it never ends.
        power = os.open(f"{self.folder}/power", os.O_RDWR | os.O_NONBLOCK)
        while True:
            now = time.monotonic()
            if boot_at is not None and now >= boot_at and self.kill_at is None:
                boot_at = None
                self.boot()
            if self.kill_at is not None and (now >= self.kill_at or not self.ask()):
                break
            readable, _, _ = select.select([0, power], [], [], self.patience(boot_at))
            reap()
            if power in readable:
                self.switch(os.read(power, 4096).split()[0])
            if os.getppid() != self.order["asker"] or (0 in readable and not self.obey()):
                break
        unplug()
        if self.by_itself:
            print("poweroff", flush=True)

    def patience(self, boot_at: float | None) -> float:
        """Seconds until something is due."""
        if self.kill_at is not None:
            return POLL_SECONDS
        return max(0.0, boot_at - time.monotonic()) if boot_at is not None else 1.0

    def boot(self) -> None:
        """Start the script."""
        with open(f"{self.folder}/console", "ab") as console:
            subprocess.Popen(
                [f"{self.folder}/script"],
                cwd=self.folder,
                env=self.order["environment"],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    def switch(self, order: bytes) -> None:
        """Do what a program of the machine asks of it."""
        if order == b"halt":  # the processors stand still, and the machine stays on
            freeze()
        elif order == b"reboot":
            unplug()
            self.boot()
        else:
            self.by_itself = self.kill_at is None or self.by_itself
            self.end(self.order["grace"])

    def obey(self) -> bool:
        """Do what the next line says; is there more to come?"""
        line = ORDERS.readline()
        order: dict[str, Any] = json.loads(line) if line else {"do": "kill"}
        if order["do"] == "kill":
            self.by_itself = False
            return False
        if order["do"] == "end":
            self.by_itself = False
            self.end(order["grace"])
        elif order["do"] == "hang":
            freeze()
        elif order["do"] == "resume":
            send(signal.SIGCONT, below(os.getpid()))
        return True

    def end(self, grace: float) -> None:
        """Ask all to end, and give them *grace* seconds."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + grace

    def ask(self) -> bool:
        """Ask those to end who weren't asked yet; is anybody left?"""
        everyone = below(os.getpid())
        send(signal.SIGTERM, everyone - self.asked)
        self.asked |= everyone
        return bool(everyone)


def below(top: int) -> set[int]:
    """Every descendant of a process that hasn't ended."""
    children: dict[int, list[int]] = {}
    for name in [entry.name for entry in os.scandir("/proc")]:
        if name.isdigit():
            with contextlib.suppress(OSError):
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
                if state not in (b"Z", b"X"):
                    children.setdefault(int(parent), []).append(int(name))
    found: set[int] = set()
    waiting = [top]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found.add(child)
            waiting.append(child)
    return found


def send(number: signal.Signals, processes: set[int]) -> None:
    """Send a signal to each that is still there."""
    for each in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, number)


def freeze() -> None:
    """Stop every process, and those that it made meanwhile."""
    stopped: set[int] = set()
    while more := below(os.getpid()) - stopped:
        send(signal.SIGSTOP, more)
        stopped |= more


def unplug() -> None:
    """End all at once: nobody sees another die."""
    freeze()
    while everyone := below(os.getpid()):
        send(signal.SIGKILL, everyone)
        reap()
        time.sleep(0.001)
    reap()


def reap() -> None:
    """Forget children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    """Read the order and carry it out."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Only the end of standard input counts. What is ignored, the script would ignore too.
        signal.signal(number, lambda *_: None)
    line = ORDERS.readline()
    if line:
        Machine(json.loads(line)).run()


if __name__ == "__main__":
    main()
