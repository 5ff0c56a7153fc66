"""Queue drivers that are wrong on purpose: a suite that stays green with one of them is blind.

`broken` puts one around the driver of a harness; an adapter's author can do the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from portable.errors import LeaseLost, PortableError, QueueNotFound
from portable.queue import Queue, QueueStats
from portable.queue.driver import Leased, QueueDriver, WireMessage
from portable.testing.queues.around import QueueDriverAround, around
from portable.testing.queues.harness import QueueHarness


class AcksNothing(QueueDriverAround):
    """Says that it is removed."""

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        return [None] * len(receipts)


class AcksFirstOnly(QueueDriverAround):
    """Removes the first of a batch."""

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        return [*self.inner.ack(receipts[:1]), *[None] * (len(receipts) - 1)]


class ClaimsLateAcks(QueueDriverAround):
    """Says yes to an ack that came too late."""

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        answers = self.inner.ack(receipts)
        return [None if isinstance(answer, LeaseLost) else answer for answer in answers]


class _Latest(QueueDriverAround):
    """Knows the last receipt of each message."""

    known: dict[str, str] = {}  # noqa: RUF012 - shared by all queues of the process, as a server's
    ids: dict[str, str] = {}  # noqa: RUF012

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        found = self.inner.receive(limit, wait=wait, lease=lease)
        for each in found:
            self.known[each.id] = each.receipt
            self.ids[each.receipt] = each.id
        return found

    def latest(self, receipts: Sequence[str]) -> list[str]:
        return [self.known.get(self.ids.get(each, ""), each) for each in receipts]


class OldReceiptAcks(_Latest):
    """Takes any receipt that a message ever had."""

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        return self.inner.ack(self.latest(receipts))


class OldReceiptExtends(_Latest):
    """Takes any receipt that a message ever had."""

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        return self.inner.extend(self.latest(receipts), lease)


class LeasesTooShort(QueueDriverAround):
    """Lets others have the message at once."""

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        return self.inner.receive(limit, wait=wait, lease=0.0)


class LeasesForEver(QueueDriverAround):
    """Never gives a message to anybody else."""

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        return self.inner.receive(limit, wait=wait, lease=self.capabilities.lease_max)


class ExtendsNothing(QueueDriverAround):
    """Says that the lease is longer."""

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        return self.inner.extend(receipts, lease) if lease == 0 else list(receipts)


class HandsBackAtOnce(QueueDriverAround):
    """Ignores for how long."""

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        return self.inner.extend(receipts, 0.0)


class IgnoresDelays(QueueDriverAround):
    """Sends at once."""

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        return self.inner.send([replace(each, delay=0.0) for each in messages])


class SendsFirstOnly(QueueDriverAround):
    """Loses all but the first of a batch."""

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        return [*self.inner.send(messages[:1]), *[uuid.uuid4().hex for _ in messages[1:]]]


class SendsTwice(QueueDriverAround):
    """Duplicates every message."""

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        self.inner.send([replace(each, token=uuid.uuid4().hex) for each in messages])
        return self.inner.send(messages)


class DropsAttributes(QueueDriverAround):
    """Keeps `portable`'s own only."""

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        return self.inner.send([replace(each, attributes=_own(each)) for each in messages])


class MangledBodies(QueueDriverAround):
    """Takes every body for text."""

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        return self.inner.send(
            [replace(each, body=each.body.decode(errors="replace").encode()) for each in messages]
        )


class IgnoresGroups(QueueDriverAround):
    """Hands out everything at once."""

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        return self.inner.send([replace(each, group=None) for each in messages])


class IgnoresDedup(QueueDriverAround):
    """Keeps duplicates."""

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        return self.inner.send([replace(each, dedup_id=None) for each in messages])


class _OtherDeliveries(QueueDriverAround):
    """Changes what is handed out."""

    def change(self, leased: Leased) -> Leased:
        return leased

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        found = self.inner.receive(limit, wait=wait, lease=lease)
        return [self.change(each) for each in found]


class ForgetsAttempts(_OtherDeliveries):
    """Every time is the first."""

    def change(self, leased: Leased) -> Leased:
        return replace(leased, attempts=1)


class CountsFromZero(_OtherDeliveries):
    """As some SDKs do."""

    def change(self, leased: Leased) -> Leased:
        return replace(leased, attempts=leased.attempts - 1)


class NewIdEachTime(_OtherDeliveries):
    """Names the delivery, not the message."""

    def change(self, leased: Leased) -> Leased:
        return replace(leased, id=uuid.uuid4().hex)


class ForgetsGroups(_OtherDeliveries):
    """Doesn't tell which."""

    def change(self, leased: Leased) -> Leased:
        return replace(leased, group=None)


class MissingIsEmpty(QueueDriverAround):
    """Takes a queue that isn't there for an empty one."""

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        try:
            return self.inner.receive(limit, wait=wait, lease=lease)
        except QueueNotFound:
            return []


class PurgesVisibleOnly(QueueDriverAround):
    """Leaves what is leased or delayed."""

    def purge(self) -> None:
        while found := self.inner.receive(10, wait=0.0, lease=30.0):
            self.inner.ack([each.receipt for each in found])


class CreateEmpties(QueueDriverAround):
    """Makes it anew."""

    def create(self) -> None:
        self.inner.delete()
        self.inner.create()


class DeleteEmpties(QueueDriverAround):
    """Leaves an empty queue."""

    def delete(self) -> None:
        self.inner.purge()


class CountsLeased(QueueDriverAround):
    """Takes what is leased for visible."""

    def stats(self) -> QueueStats:
        stats = self.inner.stats()
        return replace(stats, visible=(stats.visible or 0) + (stats.leased or 0), total=None)


class ZeroForUnknown(QueueDriverAround):
    """Has no figure, and says 0."""

    def stats(self) -> QueueStats:
        return QueueStats(visible=0, leased=0, delayed=0)


class PeekLeases(QueueDriverAround):
    """Looks by handing out."""

    def peek(self, limit: int) -> Sequence[Leased]:
        found = self.inner.receive(limit, wait=0.0, lease=30.0)
        self.inner.extend([each.receipt for each in found], 0.0)
        return found


def _own(message: WireMessage) -> Mapping[str, str]:
    return {name: value for name, value in message.attributes.items() if "portable" in name}


QUEUE_BREAKS: Mapping[str, Callable[[QueueDriver], QueueDriver]] = {
    "acks_nothing": AcksNothing,
    "acks_first_only": AcksFirstOnly,
    "claims_late_acks": ClaimsLateAcks,
    "old_receipt_acks": OldReceiptAcks,
    "old_receipt_extends": OldReceiptExtends,
    "leases_too_short": LeasesTooShort,
    "leases_for_ever": LeasesForEver,
    "extends_nothing": ExtendsNothing,
    "hands_back_at_once": HandsBackAtOnce,
    "ignores_delays": IgnoresDelays,
    "sends_first_only": SendsFirstOnly,
    "sends_twice": SendsTwice,
    "drops_attributes": DropsAttributes,
    "mangled_bodies": MangledBodies,
    "ignores_groups": IgnoresGroups,
    "ignores_dedup": IgnoresDedup,
    "forgets_attempts": ForgetsAttempts,
    "counts_from_zero": CountsFromZero,
    "new_id_each_time": NewIdEachTime,
    "forgets_groups": ForgetsGroups,
    "missing_is_empty": MissingIsEmpty,
    "purges_visible_only": PurgesVisibleOnly,
    "create_empties": CreateEmpties,
    "delete_empties": DeleteEmpties,
    "counts_leased": CountsLeased,
    "zero_for_unknown": ZeroForUnknown,
    "peek_leases": PeekLeases,
}


def broken(harness: QueueHarness, name: str) -> QueueHarness:
    """The same harness, its queues broken by one of `QUEUE_BREAKS`."""
    wrap = QUEUE_BREAKS[name]

    def open_queue(**settings: Any) -> Queue:
        return around(harness.open_queue(**settings), wrap)

    return replace(harness, open_queue=open_queue)
