"""What can be configured of a queue on Pub/Sub. Credentials come from Google's own chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from portable.adapter import DEAD_SUFFIX, QueueSettings
from portable.endpoints import check_endpoint
from portable.errors import EndpointRefused
from portable_gcp.emulators import emulated
from portable_gcp.projects import project_problems

ENDPOINT = "https://pubsub.googleapis.com"
EMULATOR = "PUBSUB_EMULATOR_HOST"  # what Google's own clients look at
# https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1, of DeadLetterPolicy and
# Subscription.
ATTEMPTS_MAX = 100
RETENTION_MIN, RETENTION_MAX = 600.0, 31 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PubSubSettings(QueueSettings):
    """One queue: a topic and a pull subscription, both of its name.

    Attributes:
        project: The project that they are in.
        fifo: Messages of one group are handed out in order, one at a time: a subscription with
            ordering keys, from which one request takes one message.
        exactly_once: A subscription with exactly-once delivery: an `ack` or `extend` that comes
            too late is told apart, and an acked message doesn't come again. Slower.
        retention: Seconds for which a queue made here keeps a message, 600 to 2,678,400: the
            default is Pub/Sub's longest, 31 days. Then the message is gone, dead letters too.
        endpoint: Another server than Google's global one: a region's
            (``https://europe-west1-pubsub.googleapis.com``), which messages of one group must all
            be sent to, or http on loopback. PUBSUB_EMULATOR_HOST in the environment unless given.
        allow_http: Take an `endpoint` that isn't encrypted, beyond loopback; only from code.
        credentials_file: A credential file, such as a service account's key, instead of
            Application Default Credentials.
        anonymous: Send no credentials. None are ever sent over plain http.
        timeout: Seconds that one request may take; a receive has its wait besides.
        ca_bundle: A file of certificate authorities instead of the usual ones.
    """

    project: str
    fifo: bool = False
    exactly_once: bool = False
    retention: float = RETENTION_MAX
    endpoint: str | None = None
    allow_http: bool = False
    credentials_file: str | None = None
    anonymous: bool = False
    timeout: float = 30.0
    ca_bundle: str | None = None

    paths: ClassVar[frozenset[str]] = frozenset({"ca_bundle", "credentials_file"})
    code_only: ClassVar[frozenset[str]] = frozenset({"allow_http"})

    @property
    def url(self) -> str:
        return f"pubsub://{self.project}/{self.name}"

    @property
    def endpoint_id(self) -> str:
        return self.endpoint or emulated(EMULATOR) or ENDPOINT

    @property
    def server(self) -> str:
        """Where requests go: scheme, host and port, in normal form.

        Raises:
            EndpointRefused: also for an endpoint that PUBSUB_EMULATOR_HOST names.
        """
        chosen = self.endpoint or emulated(EMULATOR)
        return check_endpoint(chosen, allow_http=self.allow_http) if chosen else ENDPOINT

    @property
    def is_dead(self) -> bool:
        """Is this the queue of another one's dead letters?"""
        return self.name.endswith(DEAD_SUFFIX)

    @property
    def topic(self) -> str:
        """The topic's full name."""
        return f"projects/{self.project}/topics/{self.name}"

    @property
    def subscription(self) -> str:
        """The subscription's full name."""
        return f"projects/{self.project}/subscriptions/{self.name}"

    def problems(self) -> list[str]:
        found = [*QueueSettings.problems(self), *project_problems(self.project)]
        if self.name.startswith("goog"):
            found.append("'name' can't begin with \"goog\" on Pub/Sub")
        if self.max_attempts > ATTEMPTS_MAX:
            found.append(f"'max_attempts' is at most {ATTEMPTS_MAX}: Pub/Sub counts no further")
        if not RETENTION_MIN <= self.retention <= RETENTION_MAX:
            found.append(
                f"'retention' must be from {RETENTION_MIN:.0f} to {RETENTION_MAX:.0f} seconds"
            )
        if self.timeout <= 0:
            found.append("'timeout' must be above 0 seconds")
        if self.anonymous and self.credentials_file is not None:
            found.append("'anonymous' and 'credentials_file' exclude each other")
        return [*found, *self._endpoint_problems()]

    def _endpoint_problems(self) -> list[str]:
        if self.endpoint is None:
            return []
        try:
            parts = urlsplit(check_endpoint(self.endpoint, allow_http=self.allow_http))
        except EndpointRefused as error:
            return [f"'endpoint': {error.message}"]
        found = []
        if parts.path:
            found.append("'endpoint': Pub/Sub is at no path; leave only https://host[:port]")
        if parts.scheme == "http" and self.credentials_file is not None:
            found.append("'credentials_file' would be sent over plain http; use https, or leave it")
        return found
