"""``google.pubsub.v1.Subscriber``: subscriptions, pulls, and what becomes of messages."""

from __future__ import annotations

import time
from typing import Any, TypeAlias

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types as t

from portable.testing.fakes.pubsub import rules
from portable.testing.fakes.pubsub.changes import changed, page
from portable.testing.fakes.pubsub.failures import (
    Failure,
    invalid,
    refused_ids,
    there_already,
    unimplemented,
)
from portable.testing.fakes.pubsub.state import State
from portable.testing.fakes.pubsub.streaming import streaming_pull
from portable.testing.fakes.pubsub.subscription import Subscription

Context: TypeAlias = grpc.ServicerContext
PULL_SECONDS = 90.0  # "a bounded amount of time", says the reference of Pull
TOO_LATE_SECONDS = 0.05  # before a client's deadline: the answer may not reach it any more
FIXED = ("name", "topic", "enable_message_ordering", "filter", "detached")


class Subscriber:
    """The methods, each as its request's type and what it does."""

    NAME = "google.pubsub.v1.Subscriber"

    def __init__(self, state: State) -> None:
        self._state = state
        self.methods = {
            "CreateSubscription": (t.Subscription, self.create),
            "GetSubscription": (t.GetSubscriptionRequest, self.get),
            "UpdateSubscription": (t.UpdateSubscriptionRequest, self.update),
            "ListSubscriptions": (t.ListSubscriptionsRequest, self.list),
            "DeleteSubscription": (t.DeleteSubscriptionRequest, self.delete),
            "ModifyAckDeadline": (t.ModifyAckDeadlineRequest, self.modify),
            "Acknowledge": (t.AcknowledgeRequest, self.acknowledge),
            "Pull": (t.PullRequest, self.pull),
            "Seek": (t.SeekRequest, self.seek),
        }
        self.streams = {
            "StreamingPull": (
                t.StreamingPullRequest,
                lambda requests, context: streaming_pull(state, requests, context),
            )
        }

    def create(self, request: Any, _: Context) -> Any:
        rules.check_name(request.name, "subscriptions")
        rules.complete(request)
        with self._state.changed:
            self._state.pass_time()
            if request.name in self._state.subscriptions:
                raise there_already(request.name)
            self._state.topic(request.topic)
            if request.dead_letter_policy.dead_letter_topic:
                self._state.topic(request.dead_letter_policy.dead_letter_topic)
            request.state = t.Subscription.State.ACTIVE
            made = Subscription(request, self._state.clock())
            self._state.subscriptions[request.name] = made
            return request

    def get(self, request: Any, _: Context) -> Any:
        with self._state.changed:
            return self._state.subscription(request.subscription).config

    def update(self, request: Any, _: Context) -> Any:
        with self._state.changed:
            found = self._state.subscription(request.subscription.name)
            made = changed(found.config, request.subscription, request.update_mask, fixed=FIXED)
            rules.complete(made)
            found.config = made
            return made

    def list(self, request: Any, _: Context) -> Any:
        with self._state.changed:
            self._state.pass_time()
            mine = [n for n in self._state.subscriptions if n.startswith(f"{request.project}/")]
            names, token = page(mine, request)
            found = [self._state.subscriptions[name].config for name in names]
            return t.ListSubscriptionsResponse.pb()(subscriptions=found, next_page_token=token)

    def delete(self, request: Any, _: Context) -> Any:
        with self._state.changed:
            self._state.subscription(request.subscription)
            del self._state.subscriptions[request.subscription]
            self._state.changed.notify_all()
            return empty_pb2.Empty()

    def pull(self, request: Any, context: Context) -> Any:
        if request.max_messages < 1:
            raise invalid("The value for max_messages is too small: the minimum value is 1.")
        asked = time.monotonic()
        until = asked + (0 if request.return_immediately else PULL_SECONDS)
        with self._state.changed:
            context.add_callback(self._wake)
            while True:
                found = self._state.subscription(request.subscription)
                _check_pullable(found)
                taken = []
                if _is_in_time(context, asked):
                    seconds = found.config.ack_deadline_seconds
                    limit = min(request.max_messages, 1000)
                    taken = found.take(limit, rules.PULL_BYTES, seconds, self._state.clock())
                if taken or not self._state.wait(until, lambda: not context.is_active()):
                    received = [found.answered(held) for held in taken]
                    return t.PullResponse.pb()(received_messages=received)

    def acknowledge(self, request: Any, _: Context) -> Any:
        rules.check_settle(request)
        with self._state.changed:
            found = self._state.subscription(request.subscription)
            _check_ids(found, request.ack_ids)
            failed = found.ack(request.ack_ids)
            self._state.changed.notify_all()
        if failed:
            raise refused_ids(failed)
        return empty_pb2.Empty()

    def modify(self, request: Any, _: Context) -> Any:
        rules.check_settle(request)
        rules.check_deadline(request.ack_deadline_seconds)
        failed: dict[str, str] = {}
        with self._state.changed:
            found = self._state.subscription(request.subscription)
            _check_ids(found, request.ack_ids)
            now = self._state.clock()
            for ack_id in request.ack_ids:
                failed |= found.modify(ack_id, request.ack_deadline_seconds, now)
            self._state.changed.notify_all()
        if failed:
            raise refused_ids(failed)
        return empty_pb2.Empty()

    def seek(self, request: Any, _: Context) -> Any:
        if not request.HasField("time"):
            raise unimplemented("snapshots")
        with self._state.changed:
            found = self._state.subscription(request.subscription)
            found.seek(request.time.seconds + request.time.nanos / 1e9)
            self._state.changed.notify_all()
            return t.SeekResponse.pb()()

    def _wake(self) -> None:
        with self._state.changed:
            self._state.changed.notify_all()


def _is_in_time(context: Context, asked: float) -> bool:
    """Will the client still take what is leased to it now?"""
    left = context.time_remaining()
    is_fresh = time.monotonic() - asked < TOO_LATE_SECONDS / 2
    return context.is_active() and (is_fresh or left is None or left > TOO_LATE_SECONDS)


def _check_pullable(subscription: Subscription) -> None:
    if subscription.detached:
        raise Failure(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"The subscription {subscription.config.name} is detached from its topic.",
        )


def _check_ids(subscription: Subscription, ack_ids: Any) -> None:
    for ack_id in ack_ids:
        if subscription.is_malformed(ack_id) and not subscription.exactly_once:
            raise invalid(
                f"You have passed an invalid ack ID to the service (ack_id={ack_id[:80]})."
            )
