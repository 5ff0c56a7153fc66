"""Queues: ``portable.queue.send({"lr": 0.1})``, and ``for message in portable.queue.receive()``.

The functions here are the methods of one default `Queue`, bound to the active profile at each
call, the way `random.random` is a method of a hidden `Random`.
"""

from __future__ import annotations

from portable.queue.active import ActiveQueue
from portable.queue.driver import QueueCapabilities
from portable.queue.entries import Entry
from portable.queue.events import QueueEvent
from portable.queue.message import Message
from portable.queue.queue import Queue
from portable.queue.types import ConsumeReport, QueueStats
from portable.queue.verdicts import DeadLetter, Retry

_queue = ActiveQueue()

ack_many = _queue.ack_many
consume = _queue.consume
create = _queue.create
delete = _queue.delete
exists = _queue.exists
peek = _queue.peek
purge = _queue.purge
receive = _queue.receive
redrive = _queue.redrive
send = _queue.send
send_many = _queue.send_many
stats = _queue.stats

__all__ = [
    "ConsumeReport",
    "DeadLetter",
    "Entry",
    "Message",
    "Queue",
    "QueueCapabilities",
    "QueueEvent",
    "QueueStats",
    "Retry",
    "ack_many",
    "consume",
    "create",
    "delete",
    "exists",
    "peek",
    "purge",
    "receive",
    "redrive",
    "send",
    "send_many",
    "stats",
]
