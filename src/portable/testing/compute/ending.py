"""How machines end: by a call, by themselves, by their provider."""

from __future__ import annotations

import pytest

from portable.testing.compute.base import ComputeCases, Place, possible

FAMILY = "(setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 0.1; done' &)"


class EndCases(ComputeCases):
    """`terminate`, `stop`, `start`, `close`, and ends that nobody called for."""

    def test_terminated_machine_ends_with_all_that_runs_on_it(self, place: Place) -> None:
        """What ignores signals, and what has left its process group, too."""
        info = place.launch(place.saying("up", f"{FAMILY}; while :; do sleep 0.1; done"))
        place.until_there("up")
        place.driver.terminate(info.id)
        told = place.driver.get(info.id)
        assert told is None or told.state in ("terminating", "terminated")
        place.is_gone(info.id)
        assert place.harness.oracle.count(info.name) == 0

    def test_terminating_twice_is_fine(self, place: Place) -> None:
        """And so is ending what never was, or is no more."""
        info = place.launch()
        place.driver.terminate(info.id)
        place.driver.terminate(info.id)
        place.is_gone(info.id)
        place.driver.terminate(info.id)
        place.driver.terminate(place.harness.unknown_id)

    def test_machine_can_be_terminated_before_it_is_up(self, place: Place) -> None:
        """Its script may not have begun, and then never does."""
        info = place.launch()
        place.driver.terminate(info.id)
        place.is_gone(info.id)

    def test_terminated_machine_costs_nothing(self, place: Place) -> None:
        """Nothing that was made with it stays."""
        before = set(place.harness.oracle.left_behind())
        info = place.launch(place.saying("up"))
        place.until_there("up")
        place.driver.terminate(info.id)
        place.is_gone(info.id)
        place.until(
            lambda: set(place.harness.oracle.left_behind()) <= before,
            lambda: f"left: {place.harness.oracle.left_behind()}",
        )
        told = place.driver.get(info.id)
        assert told is None or not told.bills

    def test_end_of_the_script_ends_the_machine(self, place: Place) -> None:
        """With its own ``poweroff``, where that is how a machine's bill ends."""
        info = place.launch(place.saying("up", "poweroff"))
        place.until_there("up")
        if place.able.ends in ("script", "poweroff"):
            place.is_gone(info.id)
            assert place.harness.oracle.count(info.name) == 0
            return
        told = place.reaches(info.id, "stopped")
        place.driver.terminate(told.id)
        place.is_gone(info.id)

    def test_deadline_ends_the_machine(self, place: Place) -> None:
        """Where the provider keeps one."""
        if place.able.ends != "deadline":
            pytest.skip(f"capability ends is {place.able.ends!r}")
        info = place.launch(place.saying("up"), lifetime=60.0)
        place.until_there("up")
        with possible():
            place.harness.oracle.expire(info.id)
        place.is_gone(info.id)
        assert place.harness.oracle.count(info.name) == 0

    def test_stopped_machine_starts_again(self, place: Place) -> None:
        """With its id, its name and its tags; nothing runs on it between, and that costs less."""
        if not place.able.stops:
            pytest.skip("capability stops is off")
        info = place.launch(place.saying("up"))
        place.until_there("up")
        place.driver.stop(info.id)
        stopped = place.reaches(info.id, "stopped")
        assert (stopped.name, stopped.tags, stopped.bills) == (info.name, info.tags, False)
        place.until(lambda: not place.harness.oracle.alive(info.id), lambda: "it still runs")
        place.driver.start(info.id)
        place.reaches(info.id, "running")
        place.until(lambda: place.harness.oracle.alive(info.id), lambda: "it doesn't run")

    def test_stopped_machine_can_be_terminated(self, place: Place) -> None:
        """It isn't left as it is."""
        if not place.able.stops:
            pytest.skip("capability stops is off")
        info = place.launch(place.saying("up"))
        place.until_there("up")
        place.driver.stop(info.id)
        place.reaches(info.id, "stopped")
        place.driver.terminate(info.id)
        place.is_gone(info.id)
        assert place.harness.oracle.count(info.name) == 0

    def test_machine_that_hangs_can_be_terminated(self, place: Place) -> None:
        """Nothing on it has to agree."""
        info = place.launch(place.saying("up"))
        place.until_there("up")
        with possible():
            place.harness.oracle.hang(info.id)
        assert place.reaches(info.id, "running")
        place.driver.terminate(info.id)
        place.is_gone(info.id)

    def test_closed_driver_leaves_machines_alone(self, place: Place) -> None:
        """They go on."""
        if not place.able.cross_process:
            pytest.skip("capability cross_process is off")
        other = place.harness.connect()
        info = other.launch(place.wanted(place.saying("up")))
        other.close()
        place.until_there("up")
        assert place.reaches(info.id, "running")
        place.driver.terminate(info.id)
        place.is_gone(info.id)
