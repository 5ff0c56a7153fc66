"""One subscription's messages: who may get which, for how long, and in which order.

https://cloud.google.com/pubsub/docs/lease-management and
https://cloud.google.com/pubsub/docs/ordering
"""

from __future__ import annotations

import heapq
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from google.pubsub_v1 import types as t

INVALID = "PERMANENT_FAILURE_INVALID_ACK_ID"
UNORDERED = "TRANSIENT_FAILURE_UNORDERED_ACK_ID"
_FILLER = "x" * 150  # the service's have about 200 characters


class Place(Enum):
    """Where a message is."""

    READY = 1
    LEASED = 2
    ACKED = 3  # and kept: an earlier one of its key is still out, or acked ones are retained
    GONE = 4


@dataclass(slots=True, eq=False)
class Held:
    """A message in one subscription.

    Attributes:
        number: Its place in the order of publishing.
        published: When, by the server's clock.
        failures: How often it was handed back or its deadline passed.
        until: The deadline of a leased one; when a ready one may be handed out again.
    """

    message: Any
    number: int
    published: float
    key: str
    place: Place = Place.READY
    failures: int = 0
    ack_id: str = ""
    until: float = 0.0


class Subscription:
    """The messages of one subscription; the caller holds the lock."""

    def __init__(self, config: Any, now: float) -> None:
        self.config = config
        self.active = now
        self.detached = False
        self.held: dict[int, Held] = {}
        self._mark = uuid.uuid4().hex[:12]
        self._ready: list[int] = []
        self._timed: list[tuple[float, int]] = []
        self._lines: defaultdict[str, dict[int, Held]] = defaultdict(dict)
        self._leased: dict[str, Held] = {}
        self._acked: set[str] = set()
        self._retained: list[Held] = []
        self._tired: list[Held] = []

    @property
    def exactly_once(self) -> bool:
        return bool(self.config.enable_exactly_once_delivery)

    def add(self, message: Any, number: int, now: float) -> None:
        """A message was published."""
        key = message.ordering_key if self.config.enable_message_ordering else ""
        self._put(Held(message, number, now, key))

    def take(self, limit: int, size: int, seconds: float, now: float) -> list[Held]:
        """Lease up to *limit* messages of about *size* bytes; `pass_time` comes first.

        The messages of one key come in one batch, and no more of them until all of it is settled.
        """
        found: list[Held] = []
        while self._ready and len(found) < limit and size > 0:
            head = self.held.get(heapq.heappop(self._ready))
            if head is None or head.place is not Place.READY or head.until > now:
                continue
            for each in self._batch(head):
                self._lease(each, seconds, now)
                found.append(each)
                size -= each.message.ByteSize()
                if len(found) >= limit or size <= 0:
                    break
        return found

    def answered(self, held: Held) -> Any:
        """A leased message as it is answered.

        Attempts are counted only where there is a dead-letter policy:
        https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#receivedmessage
        """
        counted = self.config.dead_letter_policy.dead_letter_topic
        return t.ReceivedMessage.pb()(
            ack_id=held.ack_id,
            message=held.message,
            delivery_attempt=held.failures + 1 if counted else 0,
        )

    def ack(self, ack_ids: Iterable[str]) -> dict[str, str]:
        """Settle; the reasons of those that an exactly-once subscription refuses."""
        failed: dict[str, str] = {}
        for ack_id in ack_ids:
            held = self._found(ack_id)
            if held is None:
                if ack_id not in self._acked:
                    failed[ack_id] = INVALID
            elif self.exactly_once and self._is_behind(held):
                failed[ack_id] = UNORDERED
            else:
                self._acked.add(ack_id)
                self._leased.pop(ack_id, None)
                held.place = Place.ACKED
                self._tidy(held)
        return failed if self.exactly_once else {}

    def modify(self, ack_id: str, seconds: int, now: float) -> dict[str, str]:
        """Move a deadline; 0 hands the message back."""
        held = self._found(ack_id)
        if held is None:
            return {ack_id: INVALID} if self.exactly_once else {}
        if seconds:
            held.until = now + seconds
            heapq.heappush(self._timed, (held.until, held.number))
        else:
            self._fail(held, now)
        return {}

    def pass_time(self, now: float) -> list[Held]:
        """Do what is due: deadlines and retention; those that became dead letters."""
        while self._timed and self._timed[0][0] <= now:
            _, number = heapq.heappop(self._timed)
            held = self.held.get(number)
            if held is None or held.until > now:
                continue
            if held.place is Place.LEASED:
                self._fail(held, now)
            elif held.place is Place.READY:
                self._offer(held)
        kept = now - self.config.message_retention_duration.seconds
        while self.held and (oldest := next(iter(self.held.values()))).published < kept:
            self.drop(oldest)
        self._retained = [each for each in self._retained if each.published >= kept]
        tired, self._tired = self._tired, []
        return [each for each in tired if each.place is Place.READY]

    def next_change(self) -> float | None:
        """When time alone will change something."""
        return self._timed[0][0] if self._timed else None

    def is_malformed(self, ack_id: str) -> bool:
        return not ack_id.startswith(f"{self._mark}.")

    def is_leased(self, ack_id: str) -> bool:
        return self._found(ack_id) is not None

    def seek(self, moment: float) -> None:
        """What was published before is acknowledged, and what came later isn't."""
        for held in [each for each in self.held.values() if each.published < moment]:
            if self.config.retain_acked_messages:
                self._retained.append(held)
            self.drop(held)
        back = [each for each in self._retained if each.published >= moment]
        self._retained = [each for each in self._retained if each.published < moment]
        for held in sorted(back, key=lambda each: each.number):
            self._put(Held(held.message, held.number, held.published, held.key))
        self.held = dict(sorted(self.held.items()))

    def deliver_again(self) -> int:
        """Make what is leased available as well: at least once is also twice."""
        leased = [each for each in self._leased.values() if each.place is Place.LEASED]
        for held in leased:
            ack_id = held.ack_id
            self._back(held)
            self._offer(held)
            if not self.exactly_once:
                self._leased[ack_id] = held  # its first receiver may still settle it
        return len(leased)

    def drop(self, held: Held) -> None:
        """It is no longer here; what waited behind it may come."""
        self._leased.pop(held.ack_id, None)
        held.place = Place.GONE
        self.held.pop(held.number, None)
        if held.key:
            self._lines[held.key].pop(held.number, None)
            self._offer(held)

    def _found(self, ack_id: str) -> Held | None:
        held = self._leased.get(ack_id)
        return None if held is None or held.place is Place.GONE else held

    def _put(self, held: Held) -> None:
        self.held[held.number] = held
        if held.key:
            self._lines[held.key][held.number] = held
        self._offer(held)

    def _batch(self, head: Held) -> Iterator[Held]:
        if not head.key:
            yield head
            return
        for each in list(self._lines[head.key].values()):
            if each.place is not Place.READY:
                return
            yield each

    def _lease(self, held: Held, seconds: float, now: float) -> None:
        held.place, held.until = Place.LEASED, now + seconds
        held.ack_id = f"{self._mark}.{held.number}.{uuid.uuid4().hex[:8]}.{_FILLER}"
        self._leased[held.ack_id] = held
        heapq.heappush(self._timed, (held.until, held.number))

    def _back(self, held: Held) -> None:
        self._leased.pop(held.ack_id, None)
        held.place, held.until, held.ack_id = Place.READY, 0.0, ""

    def _fail(self, held: Held, now: float) -> None:
        """A nack or a deadline that passed: this one and all behind it come again."""
        held.failures += 1
        policy = self.config.dead_letter_policy
        if policy.dead_letter_topic and held.failures >= policy.max_delivery_attempts:
            self._tired.append(held)
        for each in self._lines[held.key].values() if held.key else ():
            if each.number > held.number and each.place in (Place.LEASED, Place.ACKED):
                self._back(each)
        self._back(held)
        held.until = now + self._backoff(held.failures)
        if held.until > now:
            heapq.heappush(self._timed, (held.until, held.number))
        else:
            self._offer(held)

    def _backoff(self, failures: int) -> float:
        if not self.config.HasField("retry_policy"):
            return 0.0
        policy = self.config.retry_policy
        least = policy.minimum_backoff.seconds + policy.minimum_backoff.nanos / 1e9
        most = policy.maximum_backoff.seconds + policy.maximum_backoff.nanos / 1e9
        return float(min(most, least * 2.0 ** min(failures - 1, 30)))

    def _offer(self, held: Held) -> None:
        """Let it be taken, or the first of its key, where none of the key is out."""
        if not held.key:
            heapq.heappush(self._ready, held.number)
            return
        for each in self._lines[held.key].values():  # those that are out come first
            if each.place is Place.LEASED:
                return
            if each.place is Place.READY:
                heapq.heappush(self._ready, each.number)
                return

    def _is_behind(self, held: Held) -> bool:
        line = self._lines[held.key].values() if held.key else ()
        return any(each.number < held.number and each.place is Place.LEASED for each in line)

    def _tidy(self, held: Held) -> None:
        """Forget what is acknowledged, once nothing before it can make it come again."""
        if not held.key:
            self._finish(held)
            return
        for each in list(self._lines[held.key].values()):
            if each.place is not Place.ACKED:
                break
            self._finish(each)
        self._offer(held)

    def _finish(self, held: Held) -> None:
        if self.config.retain_acked_messages:
            self._retained.append(held)
        self.drop(held)
