"""Messages as rows of a table, and what such a queue can do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from portable.queue.driver import Leased, QueueCapabilities

DEDUP_SECONDS = 300.0  # as on SQS

# The limits are ours: no body so large that it slows the others down (the rest goes to the
# payloads), no transaction so long that others wait for it, and times that stay times.
CAPABILITIES = QueueCapabilities(
    message_max=1024 * 1024,
    attributes_max=100,
    send_max=1000,
    send_bytes_max=16 * 1024 * 1024,
    receive_max=1000,
    settle_max=1000,
    delay_max=3650 * 86_400.0,
    lease_max=3650 * 86_400.0,
    wait_max=20.0,
    groups=True,
    dedup_window=DEDUP_SECONDS,
    peeks=True,
)

# Id, body, attributes, attempts, when it was sent, group.
Row = tuple[int | str, bytes, str, int, float, str | None]


def attributes_text(attributes: Mapping[str, str]) -> str:
    """How attributes are stored."""
    return _written(tuple(attributes.items()))


def leased(row: Row, receipt: str) -> Leased:
    """The message that *row* is; one without a *receipt* was only looked at."""
    id, body, attributes, attempts, sent_at, group = row
    return Leased(
        id=str(id),
        body=body,
        attributes=dict(_read(attributes)),
        receipt=receipt,
        attempts=attempts if receipt else attempts + 1,
        sent_at=sent_at,
        group=group,
    )


# Most messages of a program have the same few attributes, and JSON takes its time.
@lru_cache(maxsize=256)
def _written(attributes: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(dict(attributes))


@lru_cache(maxsize=256)
def _read(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(json.loads(text).items())
