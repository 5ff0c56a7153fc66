"""`ComputeDriver.get` and `list`."""

from __future__ import annotations

import uuid

import pytest

from portable.compute.types import InstanceInfo
from portable.errors import PortableError
from portable.testing.compute.base import ComputeCases, Place, possible


def found(place: Place, tags: dict[str, str]) -> dict[str, InstanceInfo]:
    """What a listing has that isn't terminated, by id; each once."""
    listed = list(place.driver.list(tags))
    by_id = {info.id: info for info in listed}
    assert len(by_id) == len(listed)
    return {id: info for id, info in by_id.items() if info.state != "terminated"}


class FindCases(ComputeCases):
    """Machines are found by id and by tags, from anywhere."""

    def test_machine_that_there_never_was(self, place: Place) -> None:
        """Is `None`, and no error."""
        assert place.driver.get(place.harness.unknown_id) is None

    def test_list_has_the_machines_with_all_of_the_tags(self, place: Place) -> None:
        """And no others."""
        run = uuid.uuid4().hex[:12]
        one = place.launch(tags={"portable": "1", "portable-run": run, "portable-job": "a"}).id
        two = place.launch(tags={"portable": "1", "portable-run": run, "portable-job": "b"}).id
        place.launch(tags={"portable": "1", "portable-run": run + "x", "portable-job": "a"})
        both = {"portable-run": run}
        place.until(lambda: set(found(place, both)) == {one, two}, lambda: str(found(place, both)))
        assert set(found(place, both | {"portable-job": "b"})) == {two}
        assert found(place, both | {"portable-job": "c"}) == {}
        assert found(place, {"portable-job": run}) == {}

    def test_list_tells_what_get_tells(self, place: Place) -> None:
        """The same of each machine."""
        tags = {"portable": "1", "portable-job": uuid.uuid4().hex[:12]}
        info = place.launch(tags=tags)
        running = place.reaches(info.id, "running")
        (listed,) = found(place, tags).values()
        assert listed == running
        assert dict(listed.tags) == tags

    def test_another_driver_finds_it(self, place: Place) -> None:
        """By id and by tags; it can end it, too."""
        tags = {"portable": "1", "portable-job": uuid.uuid4().hex[:12]}
        info = place.launch(place.saying("up"), tags=tags)
        place.until_there("up")
        if not place.able.cross_process:
            pytest.skip("capability cross_process is off")
        other = Place(place.harness, place.folder)
        assert other.reaches(info.id, "running").name == info.name
        assert set(found(other, tags)) == {info.id}
        other.driver.terminate(info.id)
        place.is_gone(info.id)
        other.close()

    def test_many_machines_are_all_listed(self, place: Place) -> None:
        """Also where the provider lists by pages."""
        tags = {"portable": "1", "portable-job": uuid.uuid4().hex[:12]}
        ids = {place.launch(tags=tags).id for _ in range(7)}
        place.until(lambda: set(found(place, tags)) == ids, lambda: str(found(place, tags)))

    def test_machine_that_isnt_seen_yet(self, place: Place) -> None:
        """Is `None` until it is, and no error: its launch has succeeded."""
        with possible():
            place.harness.oracle.hide(2)
        info = place.launch()
        seen = [place.driver.get(info.id) for _ in range(3)]
        assert seen[:2] == [None, None]
        assert seen[2] is not None
        assert seen[2].id == info.id

    def test_machine_that_isnt_seen_yet_can_be_terminated(self, place: Place) -> None:
        """It may take another call; success means that it ends."""
        with possible():
            place.harness.oracle.hide(2)
        info = place.launch(place.saying("up"))
        refusals: list[PortableError] = []

        def took_it() -> bool:
            try:
                place.driver.terminate(info.id)
            except PortableError as refusal:
                refusals.append(refusal)
                return False
            return True

        place.until(took_it, lambda: str(refusals))
        assert all(refusal.retryable for refusal in refusals)
        place.is_gone(info.id)

    def test_machine_that_died_is_told_so(self, place: Place) -> None:
        """Or not found any more; never as running."""
        info = place.launch(place.saying("up"))
        place.until_there("up")
        place.reaches(info.id, "running")
        place.harness.oracle.kill(info.id)
        place.is_gone(info.id)
