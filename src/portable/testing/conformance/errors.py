"""Errors: which class, and what each says of where it happened."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator

import pytest

from portable.errors import (
    AlreadyExists,
    BucketNotFound,
    NotFound,
    PermissionDenied,
    PortableError,
    PreconditionFailed,
    Unauthenticated,
)
from portable.storage import Bucket
from portable.testing.conformance.base import LARGE, Cases, Raw, content
from portable.testing.harness import Harness


def _write(bucket: Bucket) -> None:
    with bucket.open("key", "wb") as file:
        file.write(b"x")


def _read(bucket: Bucket) -> None:
    with bucket.open("key") as file:
        file.read()


# By the operation that the error names.
CALLS: dict[str, tuple[str, Callable[[Bucket], object]]] = {
    "put": ("put", lambda bucket: bucket.put("key", b"x")),
    "put_absent": ("put", lambda bucket: bucket.put("key", b"x", if_absent=True)),
    "put_large": ("put", lambda bucket: bucket.put("key", content(LARGE))),
    "get": ("get", lambda bucket: bucket.get("key")),
    "get_range": ("get", lambda bucket: bucket.get("key", range=(0, 1))),
    "get_ranges": ("get_ranges", lambda bucket: bucket.get_ranges("key", [(0, 1)])),
    "open_read": ("open", _read),
    "open_write": ("write", _write),
    "stat": ("stat", lambda bucket: bucket.stat("key")),
    "exists": ("stat", lambda bucket: bucket.exists("key")),
    "list": ("list", lambda bucket: list(bucket.list())),
    "listdir": ("listdir", lambda bucket: bucket.listdir()),
    "delete": ("delete", lambda bucket: bucket.delete("key")),
    "delete_many": ("delete_many", lambda bucket: bucket.delete_many(["key", "other"])),
    "delete_prefix": ("list", lambda bucket: bucket.delete_prefix("k")),
    "copy": ("copy", lambda bucket: bucket.copy("key", "other")),
    "move": ("move", lambda bucket: bucket.move("key", "other")),
    "abort_stale_uploads": (
        "abort_stale_uploads",
        lambda bucket: bucket.abort_stale_uploads(older_than=0),
    ),
}
KEYED = {"put", "get", "get_ranges", "open", "write", "stat", "delete", "copy", "move"}
MISSING: dict[str, Callable[[Bucket], object]] = {
    "get": lambda bucket: bucket.get("nope"),
    "get_ranges": lambda bucket: bucket.get_ranges("nope", [(0, 1)]),
    "open": lambda bucket: bucket.open("nope"),
    "stat": lambda bucket: bucket.stat("nope"),
    "delete": lambda bucket: bucket.delete("nope", missing_ok=False),
    "copy": lambda bucket: bucket.copy("nope", "target"),
    "move": lambda bucket: bucket.move("nope", "target"),
}


def check_place(error: PortableError, bucket: Bucket, operation: str, key: str = "") -> None:
    """Check that *error* says what was done to what, and where."""
    assert error.provider == bucket.provider
    assert error.operation == operation
    assert error.resource == (f"{bucket.url}/{key}" if key else bucket.url)
    text = str(error)
    assert error.message in text
    assert error.resource in text
    assert error.message


class ErrorCases(Cases):
    """What leaves a call that fails."""

    @pytest.fixture
    def missing(self, harness: Harness) -> Iterator[Bucket]:
        """A bucket that doesn't exist."""
        if harness.missing_bucket is None:
            pytest.skip("this provider has no bucket that could be missing")
        bucket = harness.missing_bucket()
        yield bucket
        bucket.close()

    @pytest.fixture
    def denied(self, harness: Harness) -> Iterator[Bucket]:
        """A bucket that these credentials may not touch."""
        if harness.denied_bucket is None:
            pytest.skip("nothing is ever denied here")
        bucket = harness.denied_bucket()
        yield bucket
        bucket.close()

    @pytest.mark.parametrize("call", CALLS)
    def test_missing_bucket(self, missing: Bucket, harness: Harness, call: str) -> None:
        """It is `BucketNotFound` whatever is asked of it, and it isn't made on the way."""
        _skip_unless_able(missing, call)
        operation, ask = CALLS[call]
        with pytest.raises(BucketNotFound) as caught:
            ask(missing)
        check_place(
            caught.value, missing, operation, "key" if operation in KEYED else _prefix(call)
        )
        assert isinstance(caught.value.__cause__, harness.sdk_errors)
        with pytest.raises(BucketNotFound):
            missing.stat("key")

    @pytest.mark.parametrize("call", CALLS)
    def test_denied_bucket(self, denied: Bucket, call: str) -> None:
        """It is never `NotFound`: who may not look doesn't know that there is nothing."""
        _skip_unless_able(denied, call)
        operation, ask = CALLS[call]
        with pytest.raises((PermissionDenied, Unauthenticated)) as caught:
            ask(denied)
        check_place(caught.value, denied, operation, "key" if operation in KEYED else _prefix(call))

    @pytest.mark.parametrize("call", MISSING)
    def test_missing_object(self, bucket: Bucket, harness: Harness, call: str) -> None:
        """`NotFound` names the call and the object's URL, and keeps what the SDK raised."""
        with pytest.raises(NotFound) as caught:
            MISSING[call](bucket)
        assert type(caught.value) is NotFound
        check_place(caught.value, bucket, call, "nope")
        if harness.sdk_errors:
            assert isinstance(caught.value.__cause__, harness.sdk_errors)
        assert not caught.value.retryable

    def test_refused_conditions_say_where(self, bucket: Bucket) -> None:
        """As every other error."""
        able = bucket.capabilities
        info = bucket.put("a/key", b"x")
        bucket.put("a/key", b"y")
        if able.put_if_absent:
            with pytest.raises(AlreadyExists) as exists:
                bucket.put("a/key", b"z", if_absent=True)
            check_place(exists.value, bucket, "put", "a/key")
        if able.put_if_match:
            with pytest.raises(PreconditionFailed) as failed:
                bucket.put("a/key", b"z", if_match=info.revision)
            check_place(failed.value, bucket, "put", "a/key")

    def test_error_survives_pickling(self, bucket: Bucket, raw: Raw) -> None:
        """It comes back from a worker process with all that it knew."""
        with pytest.raises(NotFound) as caught:
            bucket.get("nope")
        copy = pickle.loads(pickle.dumps(caught.value))
        assert type(copy) is NotFound
        check_place(copy, bucket, "get", "nope")
        assert str(copy) == str(caught.value)
        assert raw.keys() == set()


def _skip_unless_able(bucket: Bucket, call: str) -> None:
    if call == "put_absent" and not bucket.capabilities.put_if_absent:
        pytest.skip("capability put_if_absent is off: it is refused before anything is sent")


def _prefix(call: str) -> str:
    return "k" if call == "delete_prefix" else ""
