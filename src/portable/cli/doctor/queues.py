"""Checks of a queue: is it there, and does one that is made for the occasion keep its promises?

No message is sent to the queue itself: its consumers would get it.
"""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING

from portable.cli.doctor.checks import Checks, Failed, Skipped
from portable.cli.doctor.setting_up import ATTEMPTS, DEADLINE_SECONDS
from portable.errors import ConfigError, PermissionDenied, PortableError, QueueNotFound

if TYPE_CHECKING:
    from portable.adapter import QueueSettings
    from portable.config import ResolvedService
    from portable.queue import Message, Queue

SECTION = "queue"
SCRATCH = "portable-doctor"
BODY = {"made_by": "portable doctor"}
ATTRIBUTES = {"made_by": "portable-doctor"}
LEASE_SECONDS = 30.0
WAIT_SECONDS = 10.0  # some servers show a message late


def prove_queue(checks: Checks, name_or_url: str | None) -> None:
    """Look at the queue, and use every operation on another; that one is removed again."""
    found: list[ResolvedService[QueueSettings]] = []
    checks.run(SECTION, "configured", lambda: _configured(found, name_or_url))
    if not found:
        return
    queue = _patient(found[0], found[0].settings.name)
    checks.run(SECTION, "there", lambda: _there(queue), bucket=queue, operation="count messages")
    scratch = _Scratch(_patient(found[0], f"{SCRATCH}-{secrets.token_hex(6)}"))

    def run(name: str, operation: str, *needs: str) -> None:
        prove = getattr(scratch, name)
        needs = ("there", *needs)
        checks.run(SECTION, name, prove, needs=needs, bucket=scratch.queue, operation=operation)

    try:
        run("made", "make queues")
        if scratch.made_one:
            run("sent", "send messages", "made")
            run("received", "receive messages", "made", "sent")
            run("extended", "extend leases", "made", "sent", "received")
            run("handed_back", "hand messages back", "made", "sent", "received")
            run("acked", "remove messages", "made", "sent", "received", "handed_back")
            run("large", "use the storage for large bodies", "made", "sent", "received", "acked")
    finally:
        if scratch.made_one:
            run("removed", "remove queues")
        queue.close()
        scratch.queue.close()


def _configured(found: list[ResolvedService[QueueSettings]], name_or_url: str | None) -> str:
    from portable.config import resolve_queue
    from portable.config.problems import NoService

    try:
        resolved = resolve_queue(name_or_url)
    except NoService as error:
        if name_or_url is None:  # nobody has asked for one
            raise Skipped(error.message.splitlines()[-1].strip()) from error
        raise
    found.append(resolved)
    return resolved.settings.url


def _patient(resolved: ResolvedService[QueueSettings], name: str) -> Queue:
    from portable.queue.active import queue_from

    settings = dataclasses.replace(
        resolved.settings,
        name=name,
        attempts=min(resolved.settings.attempts, ATTEMPTS),
        deadline=min(resolved.settings.deadline, DEADLINE_SECONDS),
    )
    return queue_from(resolved.adapter.name, settings)


def _there(queue: Queue) -> str:
    try:
        stats = queue._connection.call(queue._connection.driver.stats)
    except QueueNotFound as error:
        if queue._connection.settings.create:
            return "not yet: the first message makes it"
        raise Failed(
            f"there is no queue {queue.url}",
            "make it with portable.open_queue(…).create(), or set create = true",
        ) from error
    total = "an unknown number of" if stats.total is None else stats.total
    return f"{total} messages wait in {queue.url}"


class _Scratch:
    """A queue that nobody else has.

    Attributes:
        made_one: Is there something to remove?
    """

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.made_one = False
        self._message: Message | None = None

    def made(self) -> str:
        self.made_one = True
        try:
            self.queue.create()
        except PermissionDenied as error:
            self.made_one = False
            raise Skipped(
                f"these credentials may make no queue, so that nothing can be tried on one: "
                f"{error.message}"
            ) from error
        return self.queue.url

    def sent(self) -> str:
        group = SCRATCH if self.queue.capabilities.needs_group else None
        return self.queue.send(BODY, attributes=ATTRIBUTES, group=group)

    def received(self) -> str:
        self._message = self._take()
        if (self._message.body, self._message.attributes) != (BODY, ATTRIBUTES):
            raise Failed("another body or other attributes than were sent")
        return "the same body and attributes"

    def extended(self) -> str:
        self._held().extend(LEASE_SECONDS)
        return f"the lease lasts {LEASE_SECONDS:g} s more"

    def handed_back(self) -> str:
        before = self._held()
        before.nack()
        self._message = after = self._take()
        if self.queue.capabilities.counts_attempts and after.attempts <= before.attempts:
            raise Failed(f"it came again, and its attempts are {after.attempts} still")
        return "it comes again at once"

    def acked(self) -> str:
        if not self._held().ack():
            raise Failed("the lease ended before it was over")
        if self.queue.receive(lease=LEASE_SECONDS):
            raise Failed("the message is still there after its ack")
        return "the message is gone"

    def large(self) -> str:
        size = self.queue.capabilities.message_max + 1
        group = SCRATCH if self.queue.capabilities.needs_group else None
        try:
            self.queue.send(bytes(size), group=group)
        except ConfigError as error:
            raise Skipped(error.message) from error
        message = self._take()
        if message.body != bytes(size):
            raise Failed("another body than was sent")
        message.ack()
        return f"a body of {size:,} bytes went through storage"

    def removed(self) -> str:
        try:
            dead = self.queue.dead_letters
            self.queue.delete()
            if dead is not None:
                dead.delete()
        except PortableError as error:
            raise Failed(
                f"a queue is left: {error.message}",
                f"remove {self.queue.url} and its dead letters",
            ) from error
        return "nothing is left"

    def _take(self) -> Message:
        for message in self.queue.receive(wait=WAIT_SECONDS, lease=LEASE_SECONDS):
            return message
        raise Failed(f"no message came within {WAIT_SECONDS:g} s")

    def _held(self) -> Message:
        if self._message is None:
            raise Skipped("there is no message")
        return self._message
