"""Streaming pull: messages as they come, with what is settled in between.

https://cloud.google.com/pubsub/docs/pull#streamingpull_api
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
from google.pubsub_v1 import types as t

from portable.testing.fakes.pubsub import rules
from portable.testing.fakes.pubsub.failures import Failure, invalid
from portable.testing.fakes.pubsub.state import State
from portable.testing.fakes.pubsub.subscription import UNORDERED, Held, Subscription

STREAM_SECONDS = 1800.0  # the service ends streams, too; clients open them anew
_Response = t.StreamingPullResponse.pb()


def streaming_pull(
    state: State, requests: Iterator[Any], context: grpc.ServicerContext
) -> Iterator[Any]:
    """The answers to one stream of requests."""
    return _Pull(state, next(requests), context).answers(requests)


class _Pull:
    """One open stream."""

    def __init__(self, state: State, first: Any, context: grpc.ServicerContext) -> None:
        self._state = state
        self._context = context
        self._name = first.subscription
        self._seconds = first.stream_ack_deadline_seconds
        self._most = first.max_outstanding_messages
        self._most_bytes = first.max_outstanding_bytes
        self._out: dict[str, int] = {}
        self._confirmed: list[Any] = []
        self._failure: Failure | None = None
        if not rules.DEADLINE_MIN <= self._seconds <= rules.DEADLINE_MAX:
            raise invalid("stream_ack_deadline_seconds must be from 10 to 600.")

    def answers(self, requests: Iterator[Any]) -> Iterator[Any]:
        until = time.monotonic() + STREAM_SECONDS
        self._context.add_callback(self._wake)
        threading.Thread(target=self._read, args=(requests,), daemon=True).start()
        with self._state.changed:
            yield self._properties(self._state.subscription(self._name))
        while True:
            with self._state.changed:
                while not (ready := self._ready()):
                    if not self._state.wait(until, self._is_over):
                        if self._failure is not None:
                            raise self._failure
                        return
            yield from ready

    def _is_over(self) -> bool:
        return self._failure is not None or not self._context.is_active()

    def _ready(self) -> list[Any]:
        """Confirmations, and messages as far as flow control lets them go."""
        found = self._state.subscription(self._name)
        ready, self._confirmed = self._confirmed, []
        taken = self._take(found) if self._context.is_active() else []
        if taken:
            answer = self._properties(found)
            answer.received_messages.extend(found.answered(held) for held in taken)
            ready.append(answer)
        return ready

    def _take(self, found: Subscription) -> list[Held]:
        self._out = {each: size for each, size in self._out.items() if found.is_leased(each)}
        limit = self._most - len(self._out) if self._most > 0 else 1000
        size = rules.PULL_BYTES
        if self._most_bytes > 0:
            size = min(size, self._most_bytes - sum(self._out.values()))
        if limit <= 0 or size <= 0:
            return []
        taken = found.take(min(limit, 1000), size, self._seconds, self._state.clock())
        self._out |= {held.ack_id: held.message.ByteSize() for held in taken}
        return taken

    def _read(self, requests: Iterator[Any]) -> None:
        try:
            for request in requests:
                with self._state.changed:
                    self._settle(request)
                    self._state.changed.notify_all()
        except Failure as failure:
            self._failure = failure
            self._wake()
        except grpc.RpcError:
            pass  # the client is gone
        except Exception as error:  # noqa: BLE001 - grpc's iterator raises a bare Exception
            if self._context.is_active():
                self._failure = Failure(grpc.StatusCode.INTERNAL, str(error))
                self._wake()

    def _settle(self, request: Any) -> None:
        found = self._state.subscription(self._name)
        if request.stream_ack_deadline_seconds:
            self._seconds = request.stream_ack_deadline_seconds
        ids, seconds = request.modify_deadline_ack_ids, request.modify_deadline_seconds
        if len(ids) != len(seconds):
            raise invalid("modify_deadline_ack_ids and modify_deadline_seconds differ in size.")
        now = self._state.clock()
        failed = found.ack(request.ack_ids)
        unmoved: dict[str, str] = {}
        for ack_id, deadline in zip(ids, seconds, strict=True):
            rules.check_deadline(deadline)
            unmoved |= found.modify(ack_id, deadline, now)
        if found.exactly_once and (request.ack_ids or ids):
            self._confirm(request.ack_ids, failed, ids, unmoved)

    def _confirm(
        self, acked: Any, failed: dict[str, str], moved: Any, unmoved: dict[str, str]
    ) -> None:
        answer = _Response()
        for ack_id in acked:
            confirmed = answer.acknowledge_confirmation
            why = failed.get(ack_id)
            if why is None:
                confirmed.ack_ids.append(ack_id)
            elif why == UNORDERED:
                confirmed.unordered_ack_ids.append(ack_id)
            else:
                confirmed.invalid_ack_ids.append(ack_id)
        for ack_id in moved:
            moving = answer.modify_ack_deadline_confirmation
            (moving.invalid_ack_ids if ack_id in unmoved else moving.ack_ids).append(ack_id)
        self._confirmed.append(answer)

    def _properties(self, found: Subscription) -> Any:
        answer = _Response()
        answer.subscription_properties.exactly_once_delivery_enabled = found.exactly_once
        answer.subscription_properties.message_ordering_enabled = (
            found.config.enable_message_ordering
        )
        return answer

    def _wake(self) -> None:
        with self._state.changed:
            self._state.changed.notify_all()
