"""Machines for tests that really run what they boot, on this one.

    with MachineHost() as host:
        machine = host.start("#!/bin/sh\necho hello > greeting; poweroff\n")
        machine.wait_off(5)
        assert (machine.folder / "greeting").read_text() == "hello\n"

A machine is a folder with a process tree of its own: ``poweroff`` ends it, and so does whoever
pulls the plug. The fakes of clouds give their users' boot scripts to a host. Needs Linux, where a
process can adopt what its children leave behind.
"""

from portable.testing.fakes.machines.host import MachineHost
from portable.testing.fakes.machines.machine import Boot, FakeMachine

__all__ = ["Boot", "FakeMachine", "MachineHost"]
