"""Deadlines and attempts are kept, whatever the server does."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from portable.errors import DeadlineExceeded, OutcomeUnknown, PortableError, Unavailable
from portable.storage import Bucket
from portable.testing.faults import Fault

from .stage import RealTime, Stage
from .targets import each_target

DEADLINE = 1.0
READ_TIMEOUT = 0.4
SLACK_SECONDS = 6.0  # of a machine that has other things to do
CALLS: dict[str, Callable[[Bucket], object]] = {
    "get": lambda bucket: bucket.get("kept/tiny"),
    "get range": lambda bucket: bucket.get("kept/tiny", range=(1, 2)),
    "stat": lambda bucket: bucket.stat("kept/tiny"),
    "put": lambda bucket: bucket.put("limits/key", b"data"),
    "put if_absent": lambda bucket: bucket.put("limits/other", b"data", if_absent=True),
    "list": lambda bucket: list(bucket.list("kept/")),
    "delete": lambda bucket: bucket.delete("limits/key"),
}
WAYS = ("failed", "lost", "stall")


def _fault(stage: Stage, way: str) -> Fault:
    if way == "failed":
        return Fault("status", answer=stage.dialect.failed, times=None)
    if way == "lost":
        return Fault("lost", times=None)
    return Fault("stall", seconds=3.0, times=None)  # a machine may pause for half of it


def _seconds(call: Callable[[Bucket], object], bucket: Bucket) -> tuple[float, Exception | None]:
    started = time.monotonic()
    try:
        call(bucket)
    except PortableError as error:
        return time.monotonic() - started, error
    return time.monotonic() - started, None


@pytest.mark.parametrize("target", each_target())
@pytest.mark.parametrize("way", WAYS)
def test_a_call_gives_up_at_its_deadline(stage: Stage, way: str) -> None:
    """In real time. Settling what became of a write has as long again."""
    stage.keep("kept/tiny", b"tiny")
    stage.proxy.add(_fault(stage, way))
    limits: dict[str, Any] = {
        "deadline": DEADLINE,
        "attempts": 1000,
        "read_timeout": READ_TIMEOUT,
        "connect_timeout": READ_TIMEOUT,
    }
    with stage.bucket(RealTime(), **limits) as bucket, ThreadPoolExecutor(len(CALLS)) as threads:
        ended = dict(
            zip(
                CALLS, threads.map(lambda call: _seconds(call, bucket), CALLS.values()), strict=True
            )
        )
    for name, (seconds, error) in ended.items():
        is_settled = name == "put if_absent"
        assert isinstance(error, OutcomeUnknown if is_settled else DeadlineExceeded), (name, error)
        assert seconds < (1 + is_settled) * (DEADLINE + READ_TIMEOUT) + SLACK_SECONDS, (
            name,
            seconds,
        )


@pytest.mark.parametrize("target", each_target())
@pytest.mark.parametrize("attempts", [1, 3])
def test_a_request_is_sent_as_often_as_is_set(stage: Stage, attempts: int) -> None:
    """By one layer: no engine tries again by itself."""
    stage.keep("kept/tiny", b"tiny")
    for name, call in CALLS.items():
        stage.proxy.clear()
        stage.proxy.add(Fault("status", answer=stage.dialect.not_now, times=None))
        with stage.bucket(attempts=attempts) as bucket, pytest.raises(PortableError) as caught:
            call(bucket)
        assert caught.value.retryable, name
        assert len(stage.proxy.requests) == attempts, name


@pytest.mark.parametrize("target", each_target())
def test_an_endpoint_that_fails_for_all_is_soon_asked_once_a_call(stage: Stage) -> None:
    """The budget of retries is shared: an outage isn't answered with a storm."""
    stage.keep("kept/tiny", b"tiny")
    stage.proxy.add(Fault("status", answer=stage.dialect.failed, times=None))
    calls = 120
    with stage.bucket(attempts=6, deadline=3600.0) as bucket:
        for _ in range(calls):
            with pytest.raises(Unavailable):
                bucket.get("kept/tiny")
    assert len(stage.proxy.requests) == calls + 100
