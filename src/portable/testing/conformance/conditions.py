"""Conditional writes: enforced by the server at the moment of the commit, or refused."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from portable.errors import AlreadyExists, InvalidArgument, PreconditionFailed, Unsupported
from portable.storage import Bucket
from portable.testing.conformance.base import LARGE, Cases, Raw, content
from portable.testing.conformance.quirks import quirk
from portable.testing.drivers import Watch

Write = Callable[..., None]


def _put(bucket: Bucket, data: bytes, **options: Any) -> None:
    bucket.put("key", data, **options)


def _put_stream(bucket: Bucket, data: bytes, **options: Any) -> None:
    bucket.put("key", (data for _ in range(1)), **options)


def _writer(bucket: Bucket, data: bytes, **options: Any) -> None:
    with bucket.open("key", "wb", **options) as file:
        file.write(data)


WAYS = [
    pytest.param(_put, 20, id="put"),
    pytest.param(_writer, 20, id="writer"),
    pytest.param(_put, LARGE, id="large_put"),
    pytest.param(_put_stream, LARGE, id="large_stream"),
    pytest.param(_writer, LARGE, id="large_writer"),
]
# Where the condition is to fail, a commit that ignores it doesn't.
IF_MATCH_WAYS = [
    *WAYS[:2],
    *(
        pytest.param(*way.values, id=way.id, marks=quirk("commit_ignores_if_match"))
        for way in WAYS[2:]
    ),
]


class ConditionCases(Cases):
    """``if_absent`` and ``if_match``."""

    @pytest.fixture
    def creating(self, bucket: Bucket) -> None:
        """For servers that enforce `if_absent`."""
        if not bucket.capabilities.put_if_absent:
            pytest.skip("capability put_if_absent is off: only its refusal can be tested")

    @pytest.fixture
    def swapping(self, bucket: Bucket) -> None:
        """For servers that enforce `if_match`."""
        if not bucket.capabilities.put_if_match:
            pytest.skip("capability put_if_match is off: only its refusal can be tested")

    @pytest.mark.usefixtures("creating")
    @pytest.mark.parametrize(("write", "size"), WAYS)
    def test_if_absent_creates(self, bucket: Bucket, raw: Raw, write: Write, size: int) -> None:
        """Where there is nothing, also in parts."""
        write(bucket, content(size), if_absent=True)
        assert raw.read("key") == content(size)

    @pytest.mark.usefixtures("creating")
    @pytest.mark.parametrize(("write", "size"), WAYS)
    def test_if_absent_keeps_what_is_there(
        self, bucket: Bucket, raw: Raw, write: Write, size: int
    ) -> None:
        """It raises `AlreadyExists`, a `FileExistsError`, and leaves no upload open."""
        raw.write("key", b"theirs")
        with pytest.raises(AlreadyExists) as caught:
            write(bucket, content(size), if_absent=True)
        assert isinstance(caught.value, FileExistsError)
        assert caught.value.resource == f"{bucket.url}/key"
        assert raw.read("key") == b"theirs"
        assert raw.open_uploads() == 0

    @pytest.mark.usefixtures("swapping")
    @pytest.mark.parametrize(("write", "size"), WAYS)
    def test_if_match_replaces_that_revision(
        self, bucket: Bucket, raw: Raw, write: Write, size: int
    ) -> None:
        """And gives the object a new one."""
        old = bucket.put("key", b"old").revision
        write(bucket, content(size), if_match=old)
        assert raw.read("key") == content(size)
        assert bucket.stat("key").revision != old

    @pytest.mark.usefixtures("swapping")
    @pytest.mark.parametrize(("write", "size"), IF_MATCH_WAYS)
    def test_if_match_keeps_another_revision(
        self, bucket: Bucket, raw: Raw, write: Write, size: int
    ) -> None:
        """Somebody else's write isn't lost."""
        stale = bucket.put("key", b"first").revision
        bucket.put("key", b"second")
        with pytest.raises(PreconditionFailed) as caught:
            write(bucket, content(size), if_match=stale)
        assert caught.value.resource == f"{bucket.url}/key"
        assert raw.read("key") == b"second"
        assert raw.open_uploads() == 0

    @pytest.mark.usefixtures("swapping")
    @pytest.mark.parametrize(("write", "size"), IF_MATCH_WAYS)
    def test_if_match_of_a_missing_key_is_a_failed_precondition(
        self, bucket: Bucket, raw: Raw, write: Write, size: int
    ) -> None:
        """Not `NotFound`: the object was deleted after it was read, and stays deleted."""
        gone = bucket.put("key", b"gone").revision
        bucket.delete("key")
        with pytest.raises(PreconditionFailed) as caught:
            write(bucket, content(size), if_match=gone)
        assert caught.value.resource == f"{bucket.url}/key"
        assert raw.keys() == set()
        assert raw.open_uploads() == 0

    @pytest.mark.usefixtures("swapping")
    @pytest.mark.parametrize("source", ["put", "stat", "list"])
    def test_if_match_takes_a_revision_from(self, bucket: Bucket, source: str) -> None:
        """Put, stat and list give tokens that are equally good, for large objects too."""
        for size in (3, LARGE):
            put = bucket.put("key", content(size))
            (listed,) = bucket.list()
            info = {"put": put, "stat": bucket.stat("key"), "list": listed}[source]
            bucket.put("key", b"next", if_match=info.revision)
            assert bucket.get("key") == b"next"

    @pytest.mark.parametrize("option", [{"if_absent": True}, {"if_match": "revision"}], ids=str)
    @pytest.mark.parametrize(("write", "size"), WAYS)
    def test_condition_that_is_not_enforced_is_refused(
        self, bucket: Bucket, raw: Raw, write: Write, size: int, option: dict[str, Any]
    ) -> None:
        """By name, before any request: never ignored."""
        (name,) = option
        raw.write("key", b"theirs")
        watch = Watch(capabilities={"put_if_absent": False, "put_if_match": False})
        with pytest.raises(Unsupported, match=name) as caught:
            write(watch.on(bucket), content(size), **option)
        assert caught.value.resource == f"{bucket.url}/key"
        assert watch.calls == []
        assert raw.read("key") == b"theirs"
        able = bucket.capabilities
        if not (able.put_if_absent if name == "if_absent" else able.put_if_match):
            with pytest.raises(Unsupported, match=name):
                write(bucket, content(size), **option)

    @pytest.mark.parametrize(
        "options",
        [{"if_absent": True, "if_match": "x"}, {"if_match": ""}, {"if_match": 7}],
        ids=str,
    )
    def test_condition_without_a_meaning_is_refused(
        self, bucket: Bucket, raw: Raw, options: dict[str, Any]
    ) -> None:
        """Before any request."""
        watch = Watch()
        with pytest.raises(InvalidArgument, match="if_match") as caught:
            watch.on(bucket).put("key", b"x", **options)
        assert caught.value.resource == f"{bucket.url}/key"
        assert watch.calls == []
        assert raw.keys() == set()

    @quirk("unsafe_threads")
    @pytest.mark.usefixtures("creating")
    def test_one_of_many_creators_wins(self, bucket: Bucket, raw: Raw) -> None:
        """Eight threads, several rounds: one succeeds and it is its bytes that are there."""
        workers, rounds = 8, 6
        gate = Barrier(workers)

        def create(worker: int, key: str) -> bool:
            gate.wait()
            try:
                bucket.put(key, b"%d" % worker, if_absent=True)
            except AlreadyExists:
                return False
            return True

        with ThreadPoolExecutor(workers) as pool:
            for number in range(rounds):
                key = f"round-{number}"
                won = list(pool.map(create, range(workers), [key] * workers))
                assert won.count(True) == 1
                assert raw.read(key) == b"%d" % won.index(True)

    @quirk("unsafe_threads")
    @pytest.mark.usefixtures("swapping")
    def test_counter_loses_no_increment(self, bucket: Bucket, raw: Raw) -> None:
        """Four threads add by read, compare and swap."""
        workers, each = 4, 6
        bucket.put("counter", b"0")

        def add(_worker: int) -> None:
            for _ in range(each):
                increment(bucket)

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(add, range(workers)))
        assert raw.read("counter") == b"%d" % (workers * each)


def increment(bucket: Bucket, key: str = "counter") -> None:
    """Add one by compare-and-swap, as often as it takes."""
    while True:
        info = bucket.stat(key)
        try:
            value = int(bucket.get(key, if_match=info.revision))
            bucket.put(key, b"%d" % (value + 1), if_match=info.revision)
        except PreconditionFailed:
            continue
        return
