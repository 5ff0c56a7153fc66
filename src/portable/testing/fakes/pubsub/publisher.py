"""``google.pubsub.v1.Publisher``: topics, and what is published to them."""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types as t

from portable.testing.fakes.pubsub.changes import changed, page
from portable.testing.fakes.pubsub.failures import there_already
from portable.testing.fakes.pubsub.rules import check_name, check_publish
from portable.testing.fakes.pubsub.state import DELETED_TOPIC, State

Context: TypeAlias = grpc.ServicerContext


class Publisher:
    """The methods, each as its request's type and what it does."""

    NAME = "google.pubsub.v1.Publisher"

    def __init__(self, state: State) -> None:
        self._state = state
        self.methods = {
            "CreateTopic": (t.Topic, self.create),
            "GetTopic": (t.GetTopicRequest, self.get),
            "UpdateTopic": (t.UpdateTopicRequest, self.update),
            "ListTopics": (t.ListTopicsRequest, self.list),
            "ListTopicSubscriptions": (t.ListTopicSubscriptionsRequest, self.subscriptions),
            "DeleteTopic": (t.DeleteTopicRequest, self.delete),
            "DetachSubscription": (t.DetachSubscriptionRequest, self.detach),
            "Publish": (t.PublishRequest, self.publish),
        }

    def create(self, request: Any, _: Context) -> Any:
        check_name(request.name, "topics")
        with self._state.changed:
            if request.name in self._state.topics:
                raise there_already(request.name)
            self._state.topics[request.name] = request
            return request

    def get(self, request: Any, _: Context) -> Any:
        with self._state.changed:
            return self._state.topic(request.topic)

    def update(self, request: Any, _: Context) -> Any:
        with self._state.changed:
            mine = self._state.topic(request.topic.name)
            made = changed(mine, request.topic, request.update_mask, fixed=("name",))
            self._state.topics[made.name] = made
            return made

    def list(self, request: Any, _: Context) -> Any:
        with self._state.changed:
            mine = [n for n in self._state.topics if n.startswith(f"{request.project}/")]
            names, token = page(mine, request)
            topics = [self._state.topics[name] for name in names]
            return t.ListTopicsResponse.pb()(topics=topics, next_page_token=token)

    def subscriptions(self, request: Any, _: Context) -> Any:
        with self._state.changed:
            self._state.topic(request.topic)
            every = self._state.subscriptions.items()
            mine = [name for name, each in every if each.config.topic == request.topic]
            names, token = page(mine, request)
            return t.ListTopicSubscriptionsResponse.pb()(subscriptions=names, next_page_token=token)

    def delete(self, request: Any, _: Context) -> Any:
        with self._state.changed:
            self._state.topic(request.topic)
            del self._state.topics[request.topic]
            for each in self._state.subscriptions.values():
                if each.config.topic == request.topic:
                    each.config.topic = DELETED_TOPIC
            return empty_pb2.Empty()

    def detach(self, request: Any, _: Context) -> Any:
        with self._state.changed:
            found = self._state.subscription(request.subscription)
            found.detached = found.config.detached = True
            found.seek(float("inf"))
            return t.DetachSubscriptionResponse.pb()()

    def publish(self, request: Any, _: Context) -> Any:
        check_publish(request)
        with self._state.changed:
            self._state.topic(request.topic)
            ids = self._state.publish(request.topic, request.messages)
            return t.PublishResponse.pb()(message_ids=ids)
