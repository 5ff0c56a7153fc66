"""Long reads: received where they are wanted, and nobody can tell."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import certifi
import pytest
from botocore import httpsession

from portable.errors import CredentialsExpired, IntegrityError
from portable.interrupt import Interrupted, Interruption
from portable.storage import Bucket, large, reads
from portable.testing.faults import Answer, Fault, FaultProxy, Request, error_answer, slow_down
from portable_aws.fast import TRUST
from tests.tls import TlsServer, make_certificate

from .conftest import Open

KIB = 1024
DATA = os.urandom(900 * KIB + 7)
SAMPLE = 256 * KIB
KEY = "long/ü +=&?#%41~'"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is long, and a line that is fast, at a size that suits a test."""
    monkeypatch.setattr(reads, "PARALLEL_BYTES", SAMPLE)
    monkeypatch.setattr(large, "SAMPLE_BYTES", SAMPLE)
    monkeypatch.setattr(large, "LONG_BYTES", SAMPLE)
    monkeypatch.setattr(large, "FAST_BYTES_PER_SECOND", 1)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(
    proxy: FaultProxy, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TlsServer]:
    """In front of the proxy, and trusted as the usual authorities are."""
    for name in TRUST:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(certifi, "where", lambda: str(certificate))
    monkeypatch.setattr(httpsession, "where", certifi.where)
    monkeypatch.setattr(certifi, "contents", certificate.read_text)
    tls = TlsServer(proxy.port, certificate)
    yield tls
    tls.close()


@pytest.fixture(params=["http", "https"])
def bucket(request: pytest.FixtureRequest, open_bucket: Open, proxy: FaultProxy) -> Bucket:
    """With an object at KEY."""
    endpoint = proxy.endpoint
    if request.param == "https":
        endpoint = f"https://127.0.0.1:{request.getfixturevalue('tls').port}"
    bucket = open_bucket(endpoint=endpoint, read_timeout=0.5)
    bucket.put(KEY, DATA)
    proxy.clear()
    return bucket


def is_ours(request: Request) -> bool:
    return request.header("user-agent") == "portable"


def engines(proxy: FaultProxy) -> list[str]:
    """Who sent each request since the proxy was cleared."""
    names = {"portable": "ours", "object_store": "obstore", "Boto3": "sdk"}
    agents = [request.header("user-agent") or "" for request in proxy.requests]
    return [
        next(name for start, name in names.items() if agent.startswith(start)) for agent in agents
    ]


def ranges(proxy: FaultProxy) -> list[str | None]:
    return [request.header("range") for request in proxy.requests]


def test_a_long_read_goes_on_by_a_request_of_our_own(bucket: Bucket, proxy: FaultProxy) -> None:
    assert bucket.get(KEY) == DATA
    assert engines(proxy) == ["obstore", "ours"]
    wanted = proxy.requests[1].header("range") or ""
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    assert SAMPLE <= int(first) < 2 * SAMPLE + 64 * KIB
    assert int(last) == len(DATA) - 1
    assert proxy.requests[1].header("if-match") == bucket.stat(KEY).revision


def test_many_long_reads_in_a_row_work(bucket: Bucket, proxy: FaultProxy) -> None:
    """Each leaves its connection behind half read, as far as urllib3 knows."""
    for _ in range(20):
        assert bucket.get(KEY) == DATA
    assert engines(proxy) == ["obstore", "ours"] * 20


@pytest.mark.parametrize("kind", ["truncate", "reset", "stall"])
@pytest.mark.parametrize("at", [1, 100_000, 300_000, -1])
def test_a_body_that_breaks_off_is_read_on_at_the_next_byte(
    bucket: Bucket, proxy: FaultProxy, kind: str, at: int
) -> None:
    """In the usual way."""
    proxy.add(Fault(kind, match=is_ours, at=at, seconds=1.5 if kind == "stall" else 0))  # type: ignore[arg-type]
    assert bucket.get(KEY) == DATA
    assert engines(proxy) == ["obstore", "ours", "obstore"]
    ours, resumed = (int(told[6:].partition("-")[0]) for told in ranges(proxy)[1:] if told)
    gone_on_at = resumed - ours
    sent = at if at > 0 else len(DATA) - ours + at
    if kind == "truncate":
        assert gone_on_at == sent
    else:  # without what was received for the same piece, or was still to be
        assert gone_on_at <= sent


@pytest.mark.parametrize(
    "fault",
    [
        Fault("lost", match=is_ours),
        Fault("status", match=is_ours, answer=slow_down()),
        Fault("status", match=is_ours, answer=error_answer(403, "AccessDenied")),
        Fault("status", match=is_ours, answer=error_answer(412, "PreconditionFailed")),
        Fault("redirect", match=is_ours, location="http://localhost:1/elsewhere"),
        Fault("ok_with_error", match=is_ours),
        Fault("strip", match=is_ours, headers=frozenset({"range"})),
        Fault("no_length", match=is_ours, at=400_000),
        Fault("chunk_end", match=is_ours, at=100_000),
        Fault("wrong_length", match=is_ours, at=100_000),
        Fault("stall", match=is_ours, seconds=1.0),
    ],
    ids=lambda fault: f"{fault.kind} {fault.answer.status if fault.answer else ''}",
)
def test_any_other_answer_than_these_bytes_leaves_the_open_one(
    bucket: Bucket, proxy: FaultProxy, fault: Fault
) -> None:
    """Nothing is asked twice, and no error is the caller's."""
    proxy.add(fault)
    assert bucket.get(KEY) == DATA
    assert engines(proxy) == ["obstore", "ours"]


def test_an_object_that_was_replaced_meanwhile_is_never_mixed(
    bucket: Bucket, proxy: FaultProxy
) -> None:
    newer = DATA[::-1]

    def replace(_: Request) -> None:
        bucket.put(KEY, newer)

    proxy.add(Fault("pass", match=is_ours, before=replace))
    assert bucket.get(KEY) in (DATA, newer)
    assert bucket.get(KEY) == newer


@pytest.mark.parametrize(
    ("name", "value"), [("ETag", '"other"'), ("Content-Range", f"bytes 0-1/{len(DATA)}")]
)
def test_other_bytes_than_those_asked_for_are_noticed_by_their_head(
    bucket: Bucket, proxy: FaultProxy, name: str, value: str
) -> None:
    """Where the server ignores the condition or the range: none of them is taken."""

    def other(_: Request, answer: Answer) -> Answer:
        headers = [pair for pair in answer.headers if pair[0].lower() != name.lower()]
        return Answer(answer.status, (*headers, (name, value)), bytes(len(answer.body)))

    proxy.add(Fault("swap", match=is_ours, change=other))
    assert bucket.get(KEY) == DATA
    assert engines(proxy) == ["obstore", "ours"]


def test_a_spoiled_byte_is_noticed_and_read_again(bucket: Bucket, proxy: FaultProxy) -> None:
    rule = Fault("flip_down", match=is_ours, at=300_000)
    proxy.add(rule)
    assert bucket.get(KEY) == DATA
    proxy.add(Fault("flip_down", match=is_ours, at=300_000, times=None))
    with pytest.raises(IntegrityError, match="CRC-32"):
        bucket.get(KEY)


def test_a_slow_line_is_helped_by_others_in_the_middle_of_a_long_read(
    bucket: Bucket, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By obstore's, side by side, while the open answer brings its share."""
    monkeypatch.setattr(large, "PART_BYTES", 64 * KIB)
    monkeypatch.setattr(large, "ROOM_BYTES", 64 * KIB)
    asked = large._receive_into

    def then_slow(*given: Any) -> bool:
        monkeypatch.setattr(large, "FAST_BYTES_PER_SECOND", 1 << 60)
        return asked(*given)

    monkeypatch.setattr(large, "_receive_into", then_slow)
    monkeypatch.setattr(large, "SAMPLE_BYTES", 128 * KIB)
    assert bucket.get(KEY) == DATA
    sent = engines(proxy)
    assert sent[:2] == ["obstore", "ours"]
    assert sent[2:]
    assert set(sent[2:]) == {"obstore"}


@pytest.mark.parametrize("bucket", ["https"], indirect=True)
@pytest.mark.parametrize("at", [100, 300_000])
def test_a_bit_that_flips_on_the_wire_breaks_a_long_read_over_tls_off(
    bucket: Bucket, proxy: FaultProxy, tls: TlsServer, at: int
) -> None:
    """Before its answer begins, the open one goes on; after, another one."""

    def flip(_: Request) -> None:
        tls.flip_at = tls.sent + at

    proxy.add(Fault("pass", match=is_ours, before=flip))
    assert bucket.get(KEY) == DATA
    assert tls.flip_at is None
    assert engines(proxy) == ["obstore", "ours", "obstore"][: 2 if at == 100 else 3]


@pytest.mark.parametrize("bucket", ["http"], indirect=True)
def test_credentials_that_expired_meanwhile_leave_the_open_answer(
    bucket: Bucket, proxy: FaultProxy
) -> None:
    """And a listing, which has no other, says what they lack."""
    assert bucket.get(KEY) == DATA
    proxy.clear()

    def credentials() -> Any:
        raise CredentialsExpired("the token has expired")

    gets = bucket._connection.driver._s3.gets  # type: ignore[attr-defined]
    gets._login = gets._login._replace(credentials=credentials)
    assert bucket.get(KEY) == DATA
    assert engines(proxy) == ["obstore"]
    with pytest.raises(CredentialsExpired):
        list(bucket.list())


def test_several_threads_read_at_once(bucket: Bucket, proxy: FaultProxy) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(bucket.get, [KEY] * 8)) == {DATA}
    assert sorted(engines(proxy)) == ["obstore"] * 8 + ["ours"] * 8


@pytest.mark.parametrize("bucket", ["http"], indirect=True)
def test_bytes_that_come_slowly_are_taken_as_they_come(
    bucket: Bucket, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody would look at the deadline meanwhile."""
    proxy.add(Fault("drip", match=is_ours, rate=1_000_000))
    written = watch(monkeypatch)
    assert bucket.get(KEY) == DATA
    assert max(size for size, in_place in written if in_place) < SAMPLE


def test_a_call_that_is_to_stop_does_so_in_the_middle_of_a_long_read(
    bucket: Bucket, proxy: FaultProxy
) -> None:
    interruption = Interruption()

    def stop(_: Request, answer: Answer) -> Answer:
        interruption.ask()
        return answer

    proxy.add(Fault("swap", match=is_ours, change=stop))
    with interruption.heard(), pytest.raises(Interrupted):
        bucket.get(KEY)
    assert not is_checking()
    assert bucket.get(KEY) == DATA


@pytest.mark.parametrize("bucket", ["http"], indirect=True)
def test_ctrl_c_ends_a_long_read_that_stalls(bucket: Bucket, proxy: FaultProxy) -> None:
    def press(_: Request) -> None:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    proxy.add(Fault("stall", match=is_ours, at=100_000, seconds=1.0, before=press))
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            bucket.get(KEY)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert not is_checking()
    assert bucket.get(KEY) == DATA


def test_where_moto_may_mock_the_sdk_reads_on(open_bucket: Open, proxy: FaultProxy) -> None:
    import moto  # noqa: F401

    bucket = open_bucket("auto")
    bucket.put(KEY, DATA)
    proxy.clear()
    assert bucket.get(KEY) == DATA
    assert engines(proxy) == ["sdk"]


def test_the_bytes_are_received_where_they_are_wanted(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for what came along with the head."""
    written = watch(monkeypatch)
    assert bucket.get(KEY) == DATA
    assert sum(size for size, in_place in written if in_place) > 300 * KIB


def watch(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """The size of each piece that is written into a buffer, and whether it was there already."""
    written: list[tuple[int, bool]] = []
    write = reads._Buffer.write

    def watched(self: reads._Buffer, offset: int, data: bytes | memoryview) -> None:
        in_place = isinstance(data, memoryview) and data.obj is self.room.obj  # type: ignore[union-attr]
        written.append((len(data), in_place))
        write(self, offset, data)

    monkeypatch.setattr(reads._Buffer, "write", watched)
    return written


def is_checking() -> bool:
    """Does a thread that computes a checksum still run?"""
    return any(thread.name == "portable-crc32" for thread in threading.enumerate())
