"""What is wrong with the credentials, the clock or the bucket's place is an error of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from portable.errors import BucketNotFound, PortableError
from portable.storage import Bucket
from portable.testing.faults import Fault

from .stage import Stage
from .targets import TARGETS, alone, each_target

CALLS: dict[str, Callable[[Bucket], object]] = {
    "get": lambda bucket: bucket.get("a/key"),
    "stat": lambda bucket: bucket.stat("a/key"),
    "put": lambda bucket: bucket.put("a/key", b"data"),
    "put if_absent": lambda bucket: bucket.put("a/key", b"data", if_absent=True),
    "put 9 MB": lambda bucket: bucket.put("a/key", bytes(9_000_000)),
    "list": lambda bucket: list(bucket.list("a/")),
    "delete": lambda bucket: bucket.delete("a/key"),
    "copy": lambda bucket: bucket.copy("a/key", "another/key"),
}
# A few more than one: an answer without a body is explained by another request.
REQUESTS = 6


def _cases() -> list[Any]:
    return [
        pytest.param(dialect.name, name, id=f"{dialect.name}-{name}", marks=alone(dialect))
        for dialect in TARGETS.values()
        for name in dialect.refusals
    ]


def _refused(stage: Stage, bucket: Bucket, call: Callable[[Bucket], object]) -> PortableError:
    """The error of *call*, which may not be tried again and again."""
    before = len(stage.proxy.requests)
    with pytest.raises(PortableError) as caught:
        call(bucket)
    assert len(stage.proxy.requests) - before <= REQUESTS
    assert caught.value.provider == stage.dialect.provider
    assert caught.value.operation
    assert caught.value.resource
    assert not caught.value.retryable
    assert not caught.value.ambiguous
    return caught.value


@pytest.mark.parametrize(("target", "name"), _cases())
def test_what_the_user_has_to_mend_is_said_at_once(stage: Stage, name: str) -> None:
    """By the same class whatever the call, and without trying again."""
    answer, kind = stage.dialect.refusals[name]
    stage.proxy.add(Fault("status", answer=answer, times=None))
    with stage.bucket(attempts=20) as bucket:
        found = {call: type(_refused(stage, bucket, CALLS[call])) for call in CALLS}
    assert found == dict.fromkeys(CALLS, kind)


@pytest.mark.parametrize("target", each_target())
def test_a_bucket_that_is_not_there_is_said_so(stage: Stage) -> None:
    """By the server itself."""
    elsewhere: dict[str, Any] = {stage.dialect.bucket_setting: "no-such-bucket"}
    for name, call in CALLS.items():
        with stage.bucket(attempts=20, **elsewhere) as bucket:
            assert type(_refused(stage, bucket, call)) is BucketNotFound, name
