"""Connections that fail and answers that are spoiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from urllib3 import exceptions as http

from portable.errors import ConfigError, IntegrityError, PortableError, Unavailable
from portable.storage import Bucket
from portable.testing.faults import Fault, FaultProxy
from portable.testing.servers import AzuriteServer
from portable_azure.errors import translated

pytestmark = pytest.mark.xdist_group("azurite")
LARGE = 9 * 1024**2


def raised(error: Exception) -> PortableError:
    """What an exception of urllib3's becomes."""
    with pytest.raises(PortableError) as caught, translated():
        raise error
    assert caught.value.__cause__ is error
    return caught.value


class TestTransport:
    def test_nobody_listens(self, open_bucket: Any) -> None:
        with pytest.raises(Unavailable, match="nothing was sent") as caught:
            open_bucket(endpoint="http://127.0.0.1:9/devstoreaccount1").get("key")
        assert caught.value.retryable
        assert not caught.value.ambiguous

    def test_a_host_that_does_not_exist(self, open_bucket: Any) -> None:
        with pytest.raises(Unavailable) as caught:
            open_bucket(endpoint="https://no-such-host.invalid/devstoreaccount1").get("key")
        assert not caught.value.ambiguous

    def test_a_server_without_tls(self, open_bucket: Any, server: AzuriteServer) -> None:
        endpoint = server.endpoint.replace("http:", "https:")
        with pytest.raises(Unavailable, match="no trusted TLS") as caught:
            open_bucket(endpoint=endpoint).get("key")
        assert not caught.value.retryable

    def test_a_reset_is_ambiguous(self, bucket: Bucket, proxy: FaultProxy) -> None:
        proxy.add(Fault("lost"))
        with pytest.raises(Unavailable, match="the connection broke") as caught:
            bucket.put("key", b"data")
        assert caught.value.ambiguous

    def test_silence_is_ambiguous(self, open_bucket: Any, proxy: FaultProxy) -> None:
        proxy.add(Fault("stall", seconds=2))
        with pytest.raises(Unavailable) as caught:
            open_bucket(read_timeout=0.3).put("key", b"data")
        assert caught.value.ambiguous
        assert isinstance(caught.value.__cause__, http.ReadTimeoutError)

    def test_a_drip_does_not_hold_a_listing(self, open_bucket: Any, proxy: FaultProxy) -> None:
        """Each byte would begin the socket's timeout again."""
        bucket = open_bucket(deadline=0.5)
        proxy.add(Fault("drip", rate=100, times=None))
        with pytest.raises(PortableError):
            list(bucket.list())

    def test_a_url_in_an_error_has_no_query(self) -> None:
        """A signature may be in it."""
        secret = "http://host/key?sv=1&sig=canary"
        assert "canary" not in str(raised(http.HTTPError(f"can't reach {secret} at all")))


class TestBodies:
    @pytest.mark.parametrize(
        "kind", ["truncate", "reset", "no_length", "chunk_end", "wrong_length"]
    )
    def test_a_body_that_ends_early_is_noticed(
        self, bucket: Bucket, proxy: FaultProxy, kind: Any
    ) -> None:
        bucket.put("key", b"x" * 200_000)
        proxy.add(Fault(kind, method="GET", at=70_000, times=None))
        with pytest.raises(PortableError):
            bucket.get("key")

    def test_a_read_goes_on_where_it_broke(self, open_bucket: Any, proxy: FaultProxy) -> None:
        bucket = open_bucket(attempts=3)
        body = bytes(range(256)) * 800
        bucket.put("key", body)
        proxy.add(Fault("reset", method="GET", at=70_000))
        assert bucket.get("key") == body
        asked = [each for each in proxy.requests if each.method == "GET"]
        assert asked[1].header("x-ms-range") is not None
        assert asked[1].header("if-match") is not None

    @pytest.mark.parametrize("size", [5, LARGE])
    def test_a_spoiled_upload_is_refused_by_the_service(
        self, bucket: Bucket, proxy: FaultProxy, size: int
    ) -> None:
        """Each put and each block has its Content-MD5."""
        proxy.add(Fault("flip_up", method="PUT", at=3))
        with pytest.raises(IntegrityError) as caught:
            bucket.put("key", b"x" * size)
        assert caught.value.retryable
        assert not bucket.exists("key")

    def test_a_spoiled_upload_is_sent_again(self, open_bucket: Any, proxy: FaultProxy) -> None:
        bucket = open_bucket(attempts=2)
        proxy.add(Fault("flip_up", method="PUT", at=3))
        bucket.put("key", b"data")
        assert bucket.get("key") == b"data"

    @pytest.mark.parametrize("kind", ["list", "copy", "uploads"])
    def test_no_spoiled_answer_raises_anything_but_ours(
        self, bucket: Bucket, proxy: FaultProxy, kind: str
    ) -> None:
        """One bit of an answer at a time. Only TLS can tell some from a right one."""
        bucket.put("spoil/a", b"x")
        calls: dict[str, Callable[[], object]] = {
            "list": lambda: list(bucket.list("spoil/")),
            "copy": lambda: bucket.copy("spoil/a", "spoil/b"),
            "uploads": lambda: bucket.abort_stale_uploads(0),
        }
        for at in range(0, 900, 11):
            proxy.clear()
            proxy.add(Fault("flip_down", at=at))
            try:
                calls[kind]()
            except ConfigError as error:
                pytest.fail(f"it isn't the user's configuration: {error}")
            except PortableError:
                continue
