"""Order and de-duplication, where the provider has them."""

from __future__ import annotations

import pytest

from portable.errors import InvalidArgument, InvalidType, Unsupported
from portable.queue import Entry, Message, Queue
from portable.testing.queues.base import QueueCases, take, take_one
from portable.testing.queues.quirks import quirk


def some(queue: Queue) -> list[Message]:
    """What can be received now."""
    return queue.receive(10, lease=60)


class GroupCases(QueueCases):
    """`send(group=…, dedup_id=…)`."""

    def test_group_is_refused_where_there_are_none(self, queue: Queue) -> None:
        """Before anything is sent, and never kept as well as can be."""
        able = queue.capabilities
        if able.groups:
            pytest.skip("capability groups is on")
        with pytest.raises(Unsupported, match="order"):
            queue.send(b"x", group="a")
        for call in ({"bodies": [b"x"], "group": "a"}, {"bodies": [b"x", Entry(b"y", group="a")]}):
            with pytest.raises(Unsupported, match="order"):
                queue.send_many(**call)
        assert queue.receive() == []

    def test_dedup_id_is_refused_where_there_are_none(self, queue: Queue) -> None:
        """Before anything is sent."""
        if queue.capabilities.dedup_window:
            pytest.skip("capability dedup_window is on")
        with pytest.raises(Unsupported, match="duplicates"):
            queue.send(b"x", dedup_id="a")
        assert queue.receive() == []

    def test_group_is_handed_out_in_order_one_at_a_time(self, ordered: Queue) -> None:
        """While others go on."""
        for n in range(3):
            ordered.send(["a", n], group="a")
        ordered.send_many([["b", 0], ["b", 1]], group="b")
        seen: dict[str, list[int]] = {"a": [], "b": []}
        while len(seen["a"]) + len(seen["b"]) < 5:
            messages = take(ordered, 1)
            messages += some(ordered)
            groups = [message.group for message in messages]
            assert len(groups) == len(set(groups)), "two of one group at once"
            for message in messages:
                group, n = message.body
                assert message.group == group
                seen[group].append(n)
                assert message.ack()
        assert seen == {"a": [0, 1, 2], "b": [0, 1]}

    def test_group_waits_for_the_message_handed_back(self, ordered: Queue) -> None:
        """Nothing overtakes it."""
        ordered.send_many([1, 2], group="a")
        first = take_one(ordered, lease=60)
        assert some(ordered) == []
        first.nack()
        again = take_one(ordered, lease=60)
        assert (again.id, again.body) == (first.id, 1)
        again.ack()
        take_one(ordered).ack()

    def test_dead_letter_frees_its_group(self, ordered: Queue) -> None:
        """And keeps it."""
        ordered.send_many([1, 2], group="a")
        take_one(ordered).dead_letter("no")
        second = take_one(ordered)
        assert second.body == 2
        second.ack()
        dead = ordered.dead_letters
        assert dead is not None
        letter = take_one(dead)
        assert (letter.body, letter.group) == (1, "a")
        letter.ack()

    def test_group_is_needed_where_the_queue_needs_one(self, ordered: Queue) -> None:
        """Before anything is sent."""
        if not ordered.capabilities.needs_group:
            ordered.send(b"x")
            take_one(ordered).ack()
            return
        with pytest.raises(InvalidArgument, match="group"):
            ordered.send(b"x")

    @pytest.mark.parametrize("wrong", ["", "a b", "ü", "x" * 129, "a\n", 1, b"a"])
    def test_odd_groups_are_refused(self, ordered: Queue, wrong: object) -> None:
        """The same everywhere."""
        with pytest.raises((InvalidArgument, InvalidType), match="group"):
            ordered.send(b"x", group=wrong)  # type: ignore[arg-type]

    def test_entries_of_one_call_have_groups_of_their_own(self, ordered: Queue) -> None:
        """And what else is theirs; the rest is as for all."""
        entries = [Entry(n, group="ab"[n % 2], attributes={"n": f"{n}"}) for n in range(4)]
        ids = ordered.send_many([*entries, 4], group="c", attributes={"n": "all"})
        seen: list[tuple[str | None, int, str]] = []
        while len(seen) < 5:
            for message in take(ordered, 1):
                seen.append((message.group, message.body, message.attributes["n"]))
                assert ids[message.body] == message.id
                message.ack()
        assert [n for group, n, _ in seen if group == "a"] == [0, 2]
        assert [n for group, n, _ in seen if group == "b"] == [1, 3]
        assert max(seen) == ("c", 4, "all")
        assert {n for _, _, n in seen} == {"0", "1", "2", "3", "all"}

    @quirk("no_dedup")
    def test_entries_of_one_call_are_dropped_one_by_one(self, ordered: Queue) -> None:
        """Those whose id came before."""
        if not ordered.capabilities.dedup_window:
            pytest.skip("capability dedup_window is 0")
        ordered.send_many([Entry(n, group=f"g{n}", dedup_id=f"{n % 2}") for n in range(4)])
        messages = take(ordered, 2)
        assert sorted(message.body for message in messages) == [0, 1]
        for message in messages:
            message.ack()
        assert some(ordered) == []

    @quirk("no_dedup")
    def test_second_message_with_an_id_is_dropped(self, ordered: Queue) -> None:
        """Another id isn't, nor a message of the same content."""
        if not ordered.capabilities.dedup_window:
            pytest.skip("capability dedup_window is 0")
        for body, id in ((1, "a"), (2, "a"), (1, "b")):
            ordered.send(body, group=f"g-{id}", dedup_id=id)
        messages = take(ordered, 2)
        assert [message.body for message in messages] == [1, 1]
        for message in messages:
            message.ack()
        assert some(ordered) == []
