"""Google's errors as ours: every code and reason, tokens, connections, and what a 404 means."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3.exceptions as transport
from google.api_core.exceptions import GoogleAPICallError
from google.auth import exceptions

from portable.errors import (
    BucketNotFound,
    ClockSkew,
    ConfigError,
    CredentialsExpired,
    EndpointRefused,
    IntegrityError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    PortableError,
    PreconditionFailed,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable.storage import Bucket
from portable.storage.http import RangeOutside
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.faults import Answer, Fault, FaultProxy
from portable_gcp.codes import BY_REASON, BY_STATUS
from portable_gcp.errors import from_answer, translated

from .conftest import Open

auth: Any = exceptions


def json_body(reason: str, words: str) -> bytes:
    return json.dumps({"error": {"message": words, "errors": [{"reason": reason}]}}).encode()


def xml_body(code: str, words: str = "words") -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{words}</Message></Error>".encode()


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "reason", "words", "kind"),
        [
            (
                400,
                "invalid",
                'Provided CRC32C "a" doesn\'t match calculated CRC32C "b".',
                IntegrityError,
            ),
            (400, "invalid", "The storage class isn't known.", InvalidArgument),
            (400, "userProjectMissing", "requester pays", ConfigError),
            (401, "authError", "Invalid Credentials", Unauthenticated),
            (401, "required", "Anonymous caller does not have access", Unauthenticated),
            (401, "authError", "The access token expired", CredentialsExpired),
            (403, "forbidden", "no access", PermissionDenied),
            (403, "retentionPolicyNotMet", "kept until 2030", PermissionDenied),
            (403, "rateLimitExceeded", "slower", Throttled),
            (403, "quotaExceeded", "no more", QuotaExceeded),
            (404, "notFound", "The specified bucket does not exist.", BucketNotFound),
            (404, "notFound", "No such object: b/k", NotFound),
            (409, "conflict", "try again", Unavailable),
            (412, "conditionNotMet", "no", PreconditionFailed),
            (416, "requestedRangeNotSatisfiable", "no", RangeOutside),
            (429, "rateLimitExceeded", "slower", Throttled),
            (500, "internalError", "oops", Unavailable),
            (503, "backendError", "oops", Unavailable),
        ],
    )
    def test_a_reason_of_the_json_api(
        self, status: int, reason: str, words: str, kind: type[PortableError]
    ) -> None:
        found = from_answer(status, {}, json_body(reason, words))
        assert type(found) is kind
        assert words in found.message
        assert isinstance(found.__cause__, GoogleAPICallError)

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (400, "BadDigest", IntegrityError),
            (400, "EntityTooSmall", InvalidArgument),
            (400, "ExpiredToken", CredentialsExpired),
            (400, "NotImplemented", Unsupported),
            (401, "AuthenticationRequired", Unauthenticated),
            (403, "AccessDenied", PermissionDenied),
            (403, "RequestTimeTooSkewed", ClockSkew),
            (403, "SignatureDoesNotMatch", Unauthenticated),
            (404, "NoSuchBucket", BucketNotFound),
            (404, "NoSuchKey", NotFound),
            (404, "NoSuchUpload", NotFound),
            (429, "SlowDown", Throttled),
            (503, "ServiceUnavailable", Unavailable),
        ],
    )
    def test_a_code_of_the_xml_api(self, status: int, code: str, kind: type[PortableError]) -> None:
        assert type(from_answer(status, {}, xml_body(code))) is kind

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"[]", b'{"error": "x"}', b"\xff\xfe"])
    @pytest.mark.parametrize("status", [*BY_STATUS, 418, 599])
    def test_a_body_that_says_nothing_leaves_the_status(self, status: int, body: bytes) -> None:
        """A proxy's page, or half an answer."""
        found = from_answer(status, {}, body)
        expected = BY_STATUS.get(status, Unavailable if status >= 500 else PortableError)
        assert type(found) is expected

    def test_what_may_have_been_carried_out_is_ambiguous(self) -> None:
        """Of Google's answers, those of 500 and more."""
        for status in (500, 502, 503, 504):
            assert from_answer(status, {}, b"").ambiguous
        for status in (400, 401, 403, 404, 408, 409, 412, 429):
            assert not from_answer(status, {}, b"").ambiguous

    def test_spoiled_data_is_sent_again_and_refusals_are_not(self) -> None:
        for kind, retryable in (("BadDigest", True), ("AccessDenied", False), ("SlowDown", True)):
            assert from_answer(400, {}, xml_body(kind)).retryable is retryable

    def test_retry_after_is_read(self) -> None:
        assert from_answer(429, {"retry-after": "7"}, b"").retry_after == 7.0
        assert from_answer(429, {"retry-after": "Mon, 23 Nov"}, b"").retry_after is None

    def test_every_code_has_a_class_that_is_no_bug(self) -> None:
        assert all(issubclass(kind, PortableError) for kind in BY_REASON.values())


class TestTransport:
    @pytest.mark.parametrize(
        ("error", "ambiguous"),
        [
            (transport.NewConnectionError(None, "refused"), False),  # type: ignore[arg-type]
            (transport.ConnectTimeoutError(), False),
            (transport.ProxyError("x", OSError()), False),
            (transport.ReadTimeoutError(None, "", "silence"), True),  # type: ignore[arg-type]
            (transport.ProtocolError("reset"), True),
            (ConnectionResetError(), True),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_was_not_sent_is_not_ambiguous(self, error: Exception, ambiguous: bool) -> None:
        with pytest.raises(Unavailable) as caught, translated():
            raise error
        assert caught.value.ambiguous is ambiguous
        assert caught.value.retryable
        assert caught.value.__cause__ is error

    def test_nobody_listens(self, open_bucket: Open) -> None:
        with pytest.raises(Unavailable, match="nothing was sent") as caught:
            open_bucket(endpoint="http://127.0.0.1:9", attempts=1).get("key")
        assert not caught.value.ambiguous

    def test_a_redirect_is_not_followed(self, bucket: Bucket, proxy: FaultProxy) -> None:
        proxy.add(Fault("redirect", location="http://127.0.0.1:9/elsewhere"))
        with pytest.raises(EndpointRefused, match="redirect"):
            bucket.get("key")
        assert len(proxy.requests) == 1

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"<html>sign in</html>"])
    def test_an_answer_that_is_not_googles_is_unavailable(
        self, open_bucket: Open, proxy: FaultProxy, body: bytes
    ) -> None:
        """A hotel's network says 200 to everything."""
        proxy.add(Fault("status", answer=Answer(200, (), body), times=None))
        bucket = open_bucket(attempts=1)
        calls: list[Any] = [
            lambda: bucket.put("key", b"x"),
            lambda: bucket.stat("key"),
            lambda: bucket.get("key"),
            lambda: bucket.put("key", bytes(9 * 1024**2)),
            lambda: list(bucket.list()),
            lambda: bucket.delete_many(["a", "b"]),
            lambda: bucket.abort_stale_uploads(older_than=0),
        ]
        if body:
            calls.append(lambda: bucket.delete("key"))
        for call in calls:
            with pytest.raises(Unavailable):
                call()

    def test_a_drip_ends_by_the_deadline(self, open_bucket: Open, proxy: FaultProxy) -> None:
        """Although a byte comes now and then."""
        bucket = open_bucket(deadline=0.5, attempts=1)
        bucket.put("key", b"x")
        proxy.add(Fault("drip", method="GET", rate=100))
        with pytest.raises(PortableError):
            bucket.stat("key")


class TestMissing:
    """fake-gcs-server, and a gateway, say 404 and no more."""

    BARE = Answer(404, (), b"Not Found")

    def test_a_bare_404_of_an_object(self, bucket: Bucket, proxy: FaultProxy) -> None:
        proxy.add(Fault("status", answer=self.BARE))
        with pytest.raises(NotFound) as caught:
            bucket.stat("key")
        assert type(caught.value) is NotFound
        assert len(proxy.requests) == 2

    def test_a_bare_404_of_a_bucket(self, open_bucket: Open, proxy: FaultProxy) -> None:
        proxy.add(Fault("status", answer=self.BARE, times=None))
        with pytest.raises(BucketNotFound):
            open_bucket().delete("key")

    def test_a_bucket_that_was_seen_is_not_asked_about(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        bucket.put("key", b"x")
        proxy.add(Fault("status", answer=self.BARE))
        with pytest.raises(NotFound):
            bucket.stat("other")
        assert len(proxy.requests) == 2


class TestTokens:
    def test_a_token_that_was_taken_back_is_renewed(
        self, open_bucket: Open, fake: FakeGcs, key_file: str
    ) -> None:
        """Once it is old enough for that to help."""
        bucket = open_bucket(credentials_file=key_file)
        bucket.put("key", b"x")
        fake.forget_tokens()
        bucket._connection.driver.client._renewed -= 3600  # type: ignore[attr-defined]
        assert bucket.get("key") == b"x"

    def test_a_new_token_that_is_refused_is_not_renewed(
        self, open_bucket: Open, proxy: FaultProxy, key_file: str
    ) -> None:
        proxy.add(Fault("status", answer=Answer(401, (), b""), times=None))
        with pytest.raises(Unauthenticated):
            open_bucket(credentials_file=key_file).get("key")
        assert len(proxy.requests) == 1

    def test_a_file_that_is_no_key(self, open_bucket: Open, tmp_path: Any) -> None:
        account = {"type": "service_account", "client_email": "a@b", "token_uri": "http://x"}
        broken = json.dumps({**account, "private_key": "no key"})
        for text in ("", "{}", "[]", '{"type": "service_account"}', broken):
            path = tmp_path / "key.json"
            path.write_text(text)
            with pytest.raises(Unauthenticated, match=r"key\.json|ervice account"):
                open_bucket(credentials_file=str(path)).get("key")
        with pytest.raises(Unauthenticated, match=r"none\.json"):
            open_bucket(credentials_file=str(tmp_path / "none.json")).get("key")

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (
                auth.RefreshError("invalid_grant: Token has been expired or revoked."),
                CredentialsExpired,
            ),
            (
                auth.RefreshError("invalid_grant: Invalid JWT: Token must be a short-lived token"),
                ClockSkew,
            ),
            (auth.RefreshError("invalid_grant: account not found"), Unauthenticated),
            (auth.RefreshError("later", retryable=True), Unavailable),
            (auth.TransportError("no route"), Unavailable),
            (auth.DefaultCredentialsError("none found"), Unauthenticated),
        ],
        ids=str,
    )
    def test_credentials_that_fail(self, error: Exception, kind: type[PortableError]) -> None:
        """Nothing was sent to the bucket."""
        with pytest.raises(PortableError) as caught, translated():
            raise error
        assert type(caught.value) is kind
        assert not caught.value.ambiguous

    def test_an_account_that_is_unknown(
        self, open_bucket: Open, tmp_path: Any, key_file: str
    ) -> None:
        about = json.loads((tmp_path / "account.json").read_text())
        (tmp_path / "other.json").write_text(
            json.dumps({**about, "client_email": "nobody@example.com"})
        )
        with pytest.raises(Unauthenticated, match="account not found"):
            open_bucket(credentials_file=str(tmp_path / "other.json")).get("key")
