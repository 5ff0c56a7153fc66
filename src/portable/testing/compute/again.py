"""A launch that is sent twice starts one machine."""

from __future__ import annotations

import pytest

from portable.errors import PortableError
from portable.testing.compute.base import ComputeCases, Place, possible


class AgainCases(ComputeCases):
    """The token and the name."""

    def test_second_launch_finds_the_machine(self, place: Place) -> None:
        """Through another driver, too."""
        if not place.able.idempotent:
            pytest.skip("capability idempotent is off: the core looks for the name first")
        wanted = place.wanted()
        first = place.launch(wanted)
        assert place.launch(wanted).id == first.id
        if place.able.cross_process:
            other = place.harness.connect()
            assert other.launch(wanted).id == first.id
            other.close()
        assert place.harness.oracle.count(wanted.name) == 1

    def test_second_launch_after_the_end_starts_nothing(self, place: Place) -> None:
        """The machine has been; the answer says so."""
        if not place.able.idempotent:
            pytest.skip("capability idempotent is off: the core looks for the name first")
        wanted = place.wanted(place.saying("up"))
        first = place.launch(wanted)
        place.until_there("up")
        place.driver.terminate(first.id)
        place.is_gone(first.id)
        again = place.launch(wanted)
        assert again.id == first.id
        assert again.state in ("terminating", "terminated")
        assert place.harness.oracle.count(wanted.name) == 0

    def test_machine_is_found_by_its_tags_where_no_answer_came(self, place: Place) -> None:
        """The error says that the launch may have been carried out; it is launched once."""
        with possible():
            place.harness.oracle.lose_answer()
        wanted = place.wanted()
        with pytest.raises(PortableError) as caught:
            place.driver.launch(wanted)
        assert caught.value.ambiguous
        assert caught.value.retryable
        listed = [info for info in place.driver.list(wanted.tags) if info.name == wanted.name]
        assert len(listed) == 1
        if place.able.idempotent:
            assert place.launch(wanted).id == listed[0].id
        place.driver.terminate(listed[0].id)
        assert place.harness.oracle.count(wanted.name) <= 1
        place.is_gone(listed[0].id)

    def test_another_token_is_another_machine(self, place: Place) -> None:
        """Else no job could be tried again."""
        first, second = place.launch(), place.launch()
        assert first.id != second.id
        assert place.harness.oracle.count(first.name) == 1
        assert place.harness.oracle.count(second.name) == 1
