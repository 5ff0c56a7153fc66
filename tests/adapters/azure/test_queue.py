"""What the queue service is asked, and queues behind a bad connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from portable.errors import InvalidArgument, LeaseLost, PortableError, Unavailable
from portable.queue import Message, Queue
from portable.queue.consuming import heartbeat
from portable.queue.driver import WireMessage
from portable.retry import Surroundings
from portable.testing.faults import Answer, Fault, FaultProxy, Request
from portable.testing.servers import AzuriteServer
from portable_azure.credentials import find_access
from portable_azure.queue import StorageQueue
from portable_azure.settings import AzureQueueSettings

pytestmark = pytest.mark.xdist_group("azurite")
Open = Callable[..., StorageQueue]
KEY = "Y2FuYXJ5LWtleQ=="


@pytest.fixture(scope="module")
def queue_proxy(server: AzuriteServer) -> Iterator[FaultProxy]:
    """In front of the queue service."""
    port = int(server.queue_endpoint.split(":")[2].split("/")[0])
    with FaultProxy(port, keep_bodies=True) as proxy:
        yield proxy


@pytest.fixture
def settings(
    server: AzuriteServer, queue_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AzureQueueSettings]:
    """A new queue behind the proxy."""
    monkeypatch.setenv("AZURE_STORAGE_KEY", server.key)
    queue_proxy.clear()
    yield AzureQueueSettings(
        name=f"q{time.monotonic_ns()}",
        endpoint=f"{queue_proxy.endpoint}/{server.account}",
        read_timeout=1.0,
        connect_timeout=1.0,
    )
    queue_proxy.clear()


@pytest.fixture
def queue(settings: AzureQueueSettings, queue_proxy: FaultProxy) -> Iterator[StorageQueue]:
    """Made, and empty."""
    with ExitStack() as stack:
        queue = StorageQueue(settings)
        stack.callback(queue.close)
        queue.create()
        queue_proxy.clear()
        yield queue


def message(body: bytes = b"x", **more: Any) -> WireMessage:
    return WireMessage(body=body, attributes={}, **more)


class TestPlaces:
    def test_the_usual_place_is_the_accounts_queue_service(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
        found = find_access(AzureQueueSettings(name="jobs", account="acme"))
        assert found.endpoint == "https://acme.queue.core.windows.net"

    def test_a_connection_string_names_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each service its own."""
        text = f"AccountName=acme;AccountKey={KEY};QueueEndpoint=https://queues.example.com/acme"
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
        found = find_access(AzureQueueSettings(name="jobs"))
        assert found.endpoint == "https://queues.example.com/acme"

    def test_the_word_for_azurite(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "UseDevelopmentStorage=true")
        found = find_access(AzureQueueSettings(name="jobs"))
        assert found.endpoint == "http://127.0.0.1:10001/devstoreaccount1"


class TestRequests:
    def test_a_message_never_expires(self, queue: StorageQueue, queue_proxy: FaultProxy) -> None:
        """Azure's own default is 7 days, and then it is gone."""
        queue.send([message()])
        queue.send([message(delay=1.5)])
        one, two = queue_proxy.requests
        assert "messagettl=-1" in one.target
        assert "visibilitytimeout" not in one.target
        assert "visibilitytimeout=2" in two.target

    def test_text_is_escaped_once(self, queue: StorageQueue) -> None:
        body = "<a b='c'>&amp;]]> \t\n ü🎲 </a>".encode()
        queue.send([message(body)])
        (leased,) = queue.receive(32, wait=0, lease=30)
        assert leased.body == body
        assert [each.body for each in queue.peek(32)] == []

    def test_one_receive_is_one_request(self, queue: StorageQueue, queue_proxy: FaultProxy) -> None:
        """The SDK's own iterator goes on and leases the whole queue."""
        for _ in range(3):
            queue.send([message()])
        queue_proxy.clear()
        assert len(queue.receive(2, wait=0, lease=30)) == 2
        assert len(queue_proxy.requests) == 1
        assert queue.stats().visible == 1

    def test_each_extension_has_another_receipt(self, queue: StorageQueue) -> None:
        """And the old one is no longer good, for an ack neither."""
        queue.send([message()])
        (leased,) = queue.receive(1, wait=0, lease=30)
        (new,) = queue.extend([leased.receipt], 60)
        assert isinstance(new, str)
        assert new != leased.receipt
        assert isinstance(queue.ack([leased.receipt])[0], LeaseLost)
        assert queue.ack([new]) == [None]
        assert isinstance(queue.extend([new], 60)[0], LeaseLost)

    def test_too_large_a_message_is_refused(self, queue: StorageQueue) -> None:
        """The edge is the service's: 64 KiB of text."""
        queue.send([message(b"x" * queue.capabilities.message_max)])
        with pytest.raises(InvalidArgument):
            queue.send([message(b"x" * (queue.capabilities.message_max + 1))])

    def test_a_full_look_counts_no_more_than_it_saw(self, queue: StorageQueue) -> None:
        """From 32 messages on, only their total is known."""
        for _ in range(32):
            queue.send([message()])
        stats = queue.stats()
        assert (stats.visible, stats.leased, stats.oldest_age, stats.total) == (
            None,
            None,
            None,
            32,
        )

    @pytest.mark.parametrize("calls", ["send", "receive", "stats"])
    def test_no_spoiled_answer_raises_anything_but_ours(
        self, queue: StorageQueue, queue_proxy: FaultProxy, calls: str
    ) -> None:
        """One bit of an answer at a time. Only TLS can tell some from a right one."""
        queue.send([message()])
        for at in range(0, 500, 23):
            queue_proxy.clear()
            queue_proxy.add(Fault("flip_down", at=at))
            try:
                if calls == "send":
                    queue.send([message()])
                elif calls == "receive":
                    queue.receive(1, wait=0, lease=1)
                else:
                    queue.stats()
            except PortableError:
                continue

    def test_an_answer_that_lacks_a_message_proves_nothing(
        self, queue: StorageQueue, queue_proxy: FaultProxy
    ) -> None:
        empty = b"<?xml version='1.0'?><QueueMessagesList></QueueMessagesList>"
        answer = Answer(201, (("x-ms-request-id", "1"),), empty)
        queue_proxy.add(Fault("status", answer=answer))
        with pytest.raises(Unavailable) as caught:
            queue.send([message()])
        assert caught.value.ambiguous


def error(status: int, code: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>"
    return Answer(status, (("x-ms-request-id", "1"), ("x-ms-error-code", code)), body.encode())


FAULTS: dict[str, Fault] = {
    "lost answer": Fault("lost"),
    "cut up": Fault("cut_up", at=10),
    "truncated": Fault("truncate", at=5),
    "stall": Fault("stall", seconds=3.0),
    "500": Fault("status", answer=error(500, "InternalError")),
    "busy": Fault("status", answer=error(503, "ServerBusy")),
}
OPERATIONS: dict[str, Callable[[Request], bool]] = {
    "send": lambda request: request.method == "POST",
    "receive": lambda request: request.method == "GET" and "numofmessages=1&" in request.target,
    "extend": lambda request: request.method == "PUT" and "popreceipt" in request.target,
    "ack": lambda request: request.method == "DELETE" and "popreceipt" in request.target,
    "stats": lambda request: "comp=metadata" in request.target,
}
# The server did it, and its answer with the new receipt is lost: the lease can't be used any more.
RECEIPT_LOST = {("lost answer", "extend"), ("stall", "extend")}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_loses_a_message(
    settings: AzureQueueSettings, queue_proxy: FaultProxy, fault: str, operation: str
) -> None:
    """Each is got over by a second request, or the message comes again when its lease ends."""
    make: Any = StorageQueue
    surroundings = Surroundings(sleep=lambda _: None)
    if fault != "stall":  # a server that is busy for a second isn't another fault
        settings = replace(settings, read_timeout=10.0, connect_timeout=10.0)
    queue = Queue(make, settings, provider="azure", payloads=None, surroundings=surroundings)
    queue.create()
    rule = queue_proxy.add(replace(FAULTS[fault], match=OPERATIONS[operation]))
    queue.send("x")
    begun = time.monotonic()
    if operation == "receive":  # its answer may be lost, and then its lease has to end
        for found in queue.receive(lease=1):
            found.nack()
    held = _patiently(queue)
    if (fault, operation) in RECEIPT_LOST:
        with pytest.raises(LeaseLost):
            held.extend(2)
        held = _patiently(queue)
    else:
        held.extend(60)
    assert queue.stats().total in (1, 2)
    assert held.ack() is True
    assert held.body == "x"
    assert rule.fired == 1 or fault in ("truncated", "cut up")
    assert time.monotonic() - begun < 30
    for again in queue.receive(10):
        assert operation == "send"
        assert again.body == "x"
    queue.close()


def _patiently(queue: Queue) -> Any:
    """A lease that nobody has any more has to end first."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for found in queue.receive(lease=30):
            return found
        time.sleep(0.1)
    pytest.fail("the message didn't come")


def test_a_renewal_that_hangs_loses_no_lease(
    settings: AzureQueueSettings, queue_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for again on another connection, long before the first one's read times out."""
    make: Any = StorageQueue
    monkeypatch.setattr(heartbeat, "BEATS_PER_LEASE", 60)  # no pause outlives such a lease
    patient = replace(settings, read_timeout=60.0, lease=30.0)
    queue = Queue(make, patient, provider="azure", payloads=None)
    queue.send("x")
    over = threading.Event()
    rule = queue_proxy.add(
        Fault("pass", match=OPERATIONS["extend"], before=lambda _: over.wait(30))
    )
    renewed: list[bool] = []

    def handle(message: Message) -> None:
        ends, until = message._ends, time.monotonic() + 20
        while message._ends == ends and time.monotonic() < until:
            time.sleep(0.02)
        renewed.append(message._ends > ends)

    try:
        report = queue.consume(handle, max_messages=1)
        assert not over.is_set()
    finally:
        over.set()
    assert rule.fired == 1
    assert (renewed, report.handled, report.leases_lost) == ([True], 1, 0)
    queue.close()
