"""Connections that fail and credentials that don't do: the SDK's exceptions as ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore import exceptions as sdk

from portable.errors import ConfigError, PortableError, Unauthenticated, Unavailable
from portable.storage import Bucket
from portable.testing.faults import Fault, FaultProxy
from portable_aws.errors import translated


def raised(error: Exception) -> PortableError:
    """What an exception of the SDK's becomes."""
    with pytest.raises(PortableError) as caught, translated():
        raise error
    assert caught.value.__cause__ is error
    return caught.value


class TestTransport:
    def test_nobody_listens(self, open_bucket: Any) -> None:
        with pytest.raises(Unavailable, match="nothing was sent") as caught:
            open_bucket(endpoint="http://127.0.0.1:9").get("key")
        assert caught.value.retryable
        assert not caught.value.ambiguous

    def test_a_host_that_does_not_exist(self, open_bucket: Any) -> None:
        with pytest.raises(Unavailable) as caught:
            open_bucket(endpoint="https://no-such-host.invalid").get("key")
        assert not caught.value.ambiguous

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
        assert isinstance(caught.value.__cause__, sdk.ReadTimeoutError)

    @pytest.mark.parametrize(
        "error",
        [
            sdk.ConnectTimeoutError(endpoint_url="x"),
            sdk.EndpointConnectionError(endpoint_url="x", error="refused"),
            sdk.ProxyConnectionError(proxy_url="x", error="refused"),
        ],
    )
    def test_what_was_not_sent_is_not_ambiguous(self, error: Exception) -> None:
        found = raised(error)
        assert type(found) is Unavailable
        assert not found.ambiguous

    @pytest.mark.parametrize(
        "error",
        [
            sdk.ConnectionClosedError(endpoint_url="x"),
            sdk.HTTPClientError(error="x"),
            sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2),
            sdk.ReadTimeoutError(endpoint_url="x"),
            sdk.ResponseStreamingError(error="x"),
            OSError("x"),
        ],
    )
    def test_what_broke_on_the_way_is_ambiguous(self, error: Exception) -> None:
        found = raised(error)
        assert type(found) is Unavailable
        assert found.retryable
        assert found.ambiguous

    def test_a_url_in_an_error_has_no_query(self) -> None:
        """A presigned one holds a signature there."""
        secret = "http://host/key?X-Amz-Signature=canary"
        assert "canary" not in str(raised(sdk.ConnectionClosedError(endpoint_url=secret)))
        assert "canary" not in str(raised(sdk.EndpointConnectionError(endpoint_url=secret)))
        assert "canary" not in str(raised(sdk.ConnectTimeoutError(endpoint_url=secret)))

    @pytest.mark.parametrize("kind", ["list", "copy", "delete"])
    def test_no_spoiled_answer_raises_anything_but_ours(
        self, bucket: Bucket, proxy: FaultProxy, kind: str
    ) -> None:
        """One bit of an answer's XML at a time. Only TLS can tell some from a right one."""
        bucket.put("spoil/a", b"x")
        calls: dict[str, Callable[[], object]] = {
            "list": lambda: list(bucket.list("spoil/")),
            "copy": lambda: bucket.copy("spoil/a", "spoil/b"),
            "delete": lambda: bucket.delete_many(["spoil/b", "spoil/c"]),
        }
        method = {"list": "GET", "copy": "PUT", "delete": "POST"}[kind]
        for at in range(0, 700, 3):
            proxy.clear()
            proxy.add(Fault("flip_down", method=method, at=at))
            try:
                calls[kind]()
            except ConfigError as error:
                pytest.fail(f"it isn't the user's configuration: {error}")
            except PortableError:
                continue


class TestCredentials:
    def test_none_at_all(self, open_bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(Unauthenticated, match="AWS_ACCESS_KEY_ID"):
            open_bucket().get("key")

    def test_half_of_them(self, open_bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(Unauthenticated, match="artial credentials"):
            open_bucket().get("key")

    def test_a_profile_that_is_not_there(self, open_bucket: Any) -> None:
        with pytest.raises(ConfigError, match="nobody"):
            open_bucket(aws_profile="nobody").get("key")

    @pytest.mark.parametrize("call", ["get", "stat", "put", "list"])
    @pytest.mark.parametrize("wrong", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
    def test_wrong_ones(
        self,
        open_bucket: Any,
        signing: Any,
        monkeypatch: pytest.MonkeyPatch,
        call: str,
        wrong: str,
    ) -> None:
        """At a server that checks them."""
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", signing.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", signing.secret_key)
        monkeypatch.setenv(wrong, "AKIAWRONG")
        bucket = open_bucket(endpoint=signing.endpoint)
        calls: dict[str, Callable[[], object]] = {
            "get": lambda: bucket.get("key"),
            "stat": lambda: bucket.stat("key"),
            "put": lambda: bucket.put("key", b"data"),
            "list": lambda: list(bucket.list()),
        }
        with pytest.raises(Unauthenticated) as caught:
            calls[call]()
        assert "AKIAWRONG" not in str(caught.value)
