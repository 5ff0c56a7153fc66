"""Where fake machines run."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from portable.testing.fakes.machines.machine import Boot, FakeMachine

NORMAL = Boot()


class MachineHost:
    """Starts fake machines. A context manager: at its end all are off, and their folders gone.

    They end too when this process does, however it does.

    Attributes:
        machines: Every machine so far, in the order of their starts.
    """

    def __init__(self) -> None:
        """Make its folder.

        Raises:
            RuntimeError: this isn't Linux.
        """
        if sys.platform != "linux":
            raise RuntimeError("fake machines need Linux, to end all that they start")
        self.machines: list[FakeMachine] = []
        self._folder = Path(tempfile.mkdtemp(prefix="portable-machines-"))
        self._next: deque[Boot] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def next(self, *boots: Boot) -> None:
        """Let the next machines that are started come up so, one each."""
        with self._lock:
            self._next.extend(boots)

    def start(
        self,
        script: str | bytes,
        on_poweroff: Callable[[FakeMachine], object] | None = None,
        *,
        boot: Boot | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> FakeMachine:
        """Switch a machine on; it runs *script*, which begins with ``#!``, as root's user data is run.

        Args:
            on_poweroff: Called once the machine has switched itself off, in a thread of its own;
                not when it was ended from outside.
            boot: What goes wrong; what `next` said unless given.
            environment: Added to that of the script.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the host is closed")
            how = boot or (self._next.popleft() if self._next else NORMAL)
            folder = self._folder / str(len(self.machines))
            machine = FakeMachine(folder, script, how, environment or {}, on_poweroff)
            self.machines.append(machine)
        machine.switch_on()
        return machine

    def close(self) -> None:
        """Pull every plug."""
        with self._lock:
            self._closed = True
        for machine in self.machines:
            machine.close()
        with suppress(FileNotFoundError):
            shutil.rmtree(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
