"""What every case is given: a driver, a way to want machines, and ways to wait for them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portable.compute.driver import Launch
from portable.compute.needs import Needs
from portable.compute.types import InstanceInfo
from portable.testing.compute.harness import CannotHappen, ComputeHarness
from portable.testing.compute.quirks import COMPUTE_QUIRKS
from portable.testing.conformance.quirks import expect_known_faults

POLL_SECONDS = 0.02
STAYS = "#!/bin/sh\nwhile :; do sleep 0.1; done\n"


class Place:
    """The place under test, through its driver; what is launched here ends with the case."""

    def __init__(self, harness: ComputeHarness, folder: Path) -> None:
        self.harness = harness
        self.folder = folder
        self.driver = harness.connect()
        self.able = self.driver.capabilities
        self._made: list[str] = []

    def wanted(self, boot: str = STAYS, **changes: Any) -> Launch:
        """A machine like any other."""
        usual = Launch(
            name=f"pt-{uuid.uuid4().hex[:12]}",
            token=str(uuid.uuid4()),
            needs=Needs(cpus=0.1),
            machine=self.harness.machine,
            image=self.harness.image,
            boot=boot,
            tags={"portable": "1", "portable-job": uuid.uuid4().hex[:12]},
            lifetime=600.0,
        )
        return replace(usual, **changes)

    def launch(self, boot: str | Launch = STAYS, **changes: Any) -> InstanceInfo:
        """Launch one."""
        wanted = boot if isinstance(boot, Launch) else self.wanted(boot, **changes)
        info = self.driver.launch(wanted)
        self._made.append(info.id)
        return info

    def reaches(self, id: str, *states: str) -> InstanceInfo:
        """Wait until a machine is in one of these states."""
        seen: list[InstanceInfo | None] = [None]

        def arrived() -> bool:
            seen[0] = self.driver.get(id)
            return seen[0] is not None and seen[0].state in states

        self.until(arrived, lambda: f"{id} isn't {' or '.join(states)}: {seen[0]}")
        assert seen[0] is not None
        return seen[0]

    def is_gone(self, id: str) -> None:
        """Wait until a machine has ended, for the provider and in fact."""

        def gone() -> bool:
            info = self.driver.get(id)
            return info is None or info.state == "terminated"

        self.until(gone, lambda: f"{id} hasn't ended: {self.driver.get(id)}")
        self.until(lambda: not self.harness.oracle.alive(id), lambda: f"{id} still runs")

    def until(self, true: Callable[[], object], complaint: Callable[[], str]) -> None:
        """Wait for something, for as long as the harness says."""
        end = time.monotonic() + self.harness.patience
        while not true():
            assert time.monotonic() < end, complaint()
            time.sleep(POLL_SECONDS)

    def until_there(self, name: str) -> str:
        """Wait for a file that a script writes by a rename; its content."""
        path = self.folder / name
        self.until(path.exists, lambda: f"no script has written {name}")
        return path.read_text()

    def saying(self, name: str, then: str = "while :; do sleep 0.1; done") -> str:
        """A script that writes *name*, and then does something."""
        path = self.folder / name
        return f"#!/bin/sh\necho here > '{path}.new' && mv '{path}.new' '{path}'\n{then}\n"

    def close(self) -> None:
        """End what is left."""
        for id in dict.fromkeys(self._made):
            self.driver.terminate(id)
        self.driver.close()


class ComputeCases:
    """Fixtures of every topic. A subclass of the suite brings `harness`."""

    @pytest.fixture(autouse=True)
    def _known_faults(self, request: pytest.FixtureRequest, harness: ComputeHarness) -> None:
        """Expect the cases to fail that a stand-in is known to fail, and notice when they don't."""
        expect_known_faults(request, harness.quirks, COMPUTE_QUIRKS)

    @pytest.fixture
    def place(self, harness: ComputeHarness, tmp_path: Path) -> Iterator[Place]:
        """The place under test."""
        place = Place(harness, tmp_path)
        yield place
        place.close()


@contextmanager
def possible() -> Iterator[None]:
    """Skip a case whose fault this place has no way of."""
    try:
        yield
    except CannotHappen as error:
        pytest.skip(f"here there is no such thing as {error}")
