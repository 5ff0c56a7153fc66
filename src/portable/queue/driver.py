"""What an adapter implements for queues: mechanism only.

The portable layer checks arguments and capabilities before a driver is called; it encodes bodies
and attributes into what the wire takes, splits batches, retries, waits where the server doesn't,
renews leases, counts attempts, moves dead letters and keeps bodies that are too large elsewhere. A
driver turns one call into one request, and the provider's errors into `portable.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from portable.errors import PortableError
from portable.queue.types import QueueStats


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCapabilities:
    """What one queue's server does, checked before anything is sent. Seconds and bytes.

    Attributes:
        wire: What a message's body may be on the wire: any bytes (``"bytes"``), or only text of
            characters that XML can hold (``"text"``), so that the rest is sent as base64; and so
            is text that would grow beyond `message_max` where it is escaped (``"xml"``).
        message_max: Bytes of the largest message: the body, and the attributes' names and values.
        attributes_max: Attributes that a message can have on the wire; 0 where there are none, so
            that they travel in the body.
        empty_bodies: May a body be empty on the wire?
        send_max: Messages in one send.
        send_bytes_max: Bytes of all messages in one send.
        receive_max: Messages in one receive.
        settle_max: Receipts in one ack or extend.
        delay_max: Longest delay of a send; 0 where there is none.
        lease_min: Shortest lease.
        lease_max: Longest lease, at a receive and at each extend.
        wait_max: Longest that the server waits for a message; 0 where it doesn't, so that the
            core asks again and again.
        groups: Are messages of one group handed out in order, one at a time?
        needs_group: Must every message have a group?
        dedup_window: For how long a second message with the same `dedup_id` is dropped; 0 where
            it isn't.
        tells_lost_lease: Does an ack or extend that comes too late fail? Where it doesn't, the
            core never claims that it worked.
        counts_attempts: Is `Leased.attempts` known?
        peeks: Can messages be looked at without a lease?
        cross_process: Do other processes see what this one sends?
    """

    wire: Literal["bytes", "text", "xml"] = "bytes"
    message_max: int
    attributes_max: int
    empty_bodies: bool = True
    send_max: int
    send_bytes_max: int
    receive_max: int
    settle_max: int
    delay_max: float
    lease_min: float = 0.0
    lease_max: float
    wait_max: float
    groups: bool = False
    needs_group: bool = False
    dedup_window: float = 0.0
    tells_lost_lease: bool = True
    counts_attempts: bool = True
    peeks: bool = False
    cross_process: bool = True


@dataclass(slots=True, kw_only=True)
class WireMessage:
    """A message as it is to be sent.

    Attributes:
        body: UTF-8 text without what XML can't hold, unless `capabilities.wire` is ``"bytes"``.
        attributes: At most `capabilities.attributes_max`, `portable`'s own among them. Names are
            letters, digits, ``_``, ``-`` and ``.``; values aren't empty.
        delay: Seconds until it may be received, at most `capabilities.delay_max`.
        group: Given only where `capabilities.groups`.
        dedup_id: Given only where `capabilities.dedup_window`.
        token: Names this send, and stays the same when it is sent again after a lost answer: a
            server that can keeps one message of a token.
    """

    body: bytes
    attributes: Mapping[str, str]
    delay: float = 0.0
    group: str | None = None
    dedup_id: str | None = None
    token: str = ""


@dataclass(slots=True, kw_only=True)
class Leased:
    """A message as the server handed it out.

    Attributes:
        id: The provider's, the same at every delivery.
        receipt: Names this delivery, for `ack` and `extend`; the driver's own text.
        attempts: How often it was handed out, this time included: from 1.
        sent_at: Seconds since the epoch; `None` where the provider doesn't tell.
    """

    id: str
    body: bytes
    attributes: Mapping[str, str]
    receipt: str
    attempts: int
    sent_at: float | None = None
    group: str | None = None


class QueueDriver(Protocol):
    """One queue at one provider. Safe to call from many threads.

    Methods raise only `portable.errors`, with `retryable` and `ambiguous` set: a request that was
    certainly not carried out isn't ambiguous. All but `create` and `delete` raise `QueueNotFound`
    when there is no such queue. A method that takes several messages or receipts answers for each
    in their order, and raises only when the whole request failed.
    """

    @property
    def capabilities(self) -> QueueCapabilities:
        """Constant for the driver's life."""

    @property
    def native(self) -> Any:
        """The SDK's own client."""

    def create(self) -> None:
        """Make the queue with all that belongs to it; one that is there already is fine.

        Raises:
            ConfigError: there is one that was made differently, in a way that matters here.
        """

    def delete(self) -> None:
        """Remove the queue and its messages; one that is gone already is fine."""

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        """Send up to `capabilities.send_max` messages; each is durable when its id is returned."""

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        """Lease up to *limit* messages, as soon as there is one.

        Args:
            limit: 1 to `capabilities.receive_max`.
            wait: At most `capabilities.wait_max`; without any message it takes that long.
            lease: From `capabilities.lease_min` to `lease_max`; a fraction of a second may be
                rounded up.

        Returns:
            Nothing when the time is over.
        """

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        """Remove up to `capabilities.settle_max` leased messages for good.

        Returns:
            For each `None`, or its error: `LeaseLost` where the lease ended and the server can
            tell.
        """

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        """Let leases end *lease* seconds from now; 0 hands the messages back at once.

        Returns:
            For each the receipt that counts from now on, or its error, as in `ack`.
        """

    def peek(self, limit: int) -> Sequence[Leased]:
        """Look at up to *limit* messages that could be received now; the receipts are empty.

        Called only where `capabilities.peeks`.
        """

    def stats(self) -> QueueStats:
        """Count; a figure that the provider doesn't have is `None`."""

    def purge(self) -> None:
        """Remove every message, leased and delayed ones too."""

    def close(self) -> None:
        """Drop connections. The driver isn't used afterwards."""
