"""A proxy that is closed, and a server that is gone."""

from __future__ import annotations

import http.client
import socket
import threading
import time

import pytest

from portable.testing.faults import Fault, FaultProxy, Request
from tests.testing.faults.upstream import Upstream, ask


class TestClose:
    def test_no_thread_is_left(self, upstream: Upstream) -> None:
        """Not those of idle or stalled connections either."""
        before = set(threading.enumerate())
        with FaultProxy(upstream.server_address[1]) as proxy:
            proxy.add(Fault("stall", path="/stall", seconds=60))
            idle = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
            idle.request("GET", "/x")
            idle.getresponse().read()
            stalled = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
            stalled.request("GET", "/stall")
            deadline = time.monotonic() + 20
            while len(proxy.requests) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            begin = time.monotonic()
        assert time.monotonic() - begin < 20
        left = {t for t in threading.enumerate() if t not in before}
        assert not [t for t in left if "_serve" in t.name or t.name.startswith("fault-proxy")]
        idle.close()
        stalled.close()

    def test_a_callback_that_fails_is_not_passed_over(self, upstream: Upstream) -> None:
        def fail(request: Request) -> None:
            raise KeyError(request.target)

        proxy = FaultProxy(upstream.server_address[1])
        proxy.add(Fault("pass", before=fail))
        with pytest.raises(http.client.RemoteDisconnected):
            ask(proxy)
        with pytest.raises(RuntimeError, match="callback"):
            proxy.close()
        proxy.close()

    def test_a_server_that_is_gone_resets(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        with FaultProxy(port) as proxy, pytest.raises(ConnectionResetError):
            ask(proxy)
