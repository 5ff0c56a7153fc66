"""What each answer and each failure of the SDK means, mostly as a server would send it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore import exceptions as sdk

from portable import errors
from portable.errors import (
    BucketNotFound,
    ClockSkew,
    ConfigError,
    CredentialsExpired,
    EndpointRefused,
    IntegrityError,
    InvalidArgument,
    InvalidKey,
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
from portable.testing.faults import Answer, Fault, FaultProxy, error_answer
from portable_aws.codes import BY_CODE, BY_STATUS

# What each code means to a user: this table and the adapter's were written apart.
MEANING: dict[type[PortableError], str] = {
    BucketNotFound: "NoSuchBucket",
    ClockSkew: "RequestTimeTooSkewed",
    ConfigError: (
        "AuthorizationHeaderMalformed IllegalLocationConstraintException InvalidBucketName "
        "InvalidRegion KMS.NotFoundException PermanentRedirect"
    ),
    CredentialsExpired: "ExpiredToken ExpiredTokenException",
    IntegrityError: "BadDigest IncompleteBody InvalidDigest XAmzContentSHA256Mismatch",
    InvalidArgument: (
        "EntityTooLarge EntityTooSmall InvalidStorageClass MalformedXML MetadataTooLarge"
    ),
    InvalidKey: "KeyTooLongError",
    NotFound: "NoSuchKey NoSuchUpload NoSuchVersion",
    PermissionDenied: (
        "AccessDenied AccountProblem AllAccessDisabled KMS.DisabledException NotSignedUp"
    ),
    PreconditionFailed: "PreconditionFailed",
    QuotaExceeded: "QuotaExceeded TooManyBuckets",
    RangeOutside: "InvalidRange",
    Throttled: "SlowDown Throttling ThrottlingException TooManyRequests",
    Unauthenticated: "InvalidAccessKeyId InvalidSecurity InvalidToken SignatureDoesNotMatch",
    Unavailable: (
        "ConditionalRequestConflict InternalError OperationAborted RequestTimeout "
        "ServiceUnavailable"
    ),
    Unsupported: "InvalidObjectState MethodNotAllowed NotImplemented",
}
STATUS = {
    "SlowDown": 503,
    "ServiceUnavailable": 503,
    "InternalError": 500,
    "ConditionalRequestConflict": 409,
    "OperationAborted": 409,
    "PermanentRedirect": 301,
    "NoSuchBucket": 404,
    "PreconditionFailed": 412,
}
CODES = [(code, kind) for kind, codes in MEANING.items() for code in codes.split()]
MAY_PASS = {
    *MEANING[Unavailable].split(),
    *MEANING[Throttled].split(),
    "BadDigest",
    "IncompleteBody",
    "XAmzContentSHA256Mismatch",
}


def answered(bucket: Bucket, proxy: FaultProxy, answer: Answer) -> PortableError:
    """The error of a call that is answered so."""
    proxy.add(Fault("status", answer=answer, times=None))
    with pytest.raises(PortableError) as caught:
        bucket.delete("some/key")
    return caught.value


class TestCodes:
    def test_every_code_of_the_table_is_here(self) -> None:
        """So that a new one says here what it means."""
        assert {code for code, _ in CODES} == set(BY_CODE)

    @pytest.mark.parametrize(("code", "kind"), CODES)
    def test_a_code_means_what_users_are_told(
        self, bucket: Bucket, proxy: FaultProxy, code: str, kind: type[PortableError]
    ) -> None:
        """Class, place, code and the server's own words."""
        answer = error_answer(STATUS.get(code, 400), code, "The server's words.")
        error = answered(bucket, proxy, answer)
        assert type(error) is kind
        assert (error.provider, error.operation) == ("aws", "delete")
        assert error.resource == "s3://aws-tests/some/key"
        assert code in str(error)
        assert "The server's words." in str(error)
        assert isinstance(error.__cause__, sdk.ClientError)
        assert error.retryable == (code in MAY_PASS)
        assert error.ambiguous == (code == "InternalError")

    @pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
    def test_a_status_counts_where_the_code_is_unknown(
        self, bucket: Bucket, proxy: FaultProxy, status: int, kind: type[PortableError]
    ) -> None:
        """Other servers have codes of their own."""
        error = answered(bucket, proxy, error_answer(status, "XVendorSpecific"))
        assert type(error) is kind
        assert "XVendorSpecific" in str(error)

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
    def test_failures_of_the_server_may_pass_and_may_have_been_carried_out(
        self, bucket: Bucket, proxy: FaultProxy, status: int
    ) -> None:
        error = answered(bucket, proxy, error_answer(status, "XVendorSpecific"))
        assert type(error) is Unavailable
        assert error.retryable
        assert error.ambiguous

    def test_an_unknown_refusal_is_the_root_class_with_its_code(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        error = answered(bucket, proxy, error_answer(400, "XNeverHeardOf", "Odd."))
        assert type(error) is PortableError
        assert "Odd. (XNeverHeardOf)" in str(error)
        assert not error.retryable

    def test_a_web_page_instead_of_an_error_is_read_by_its_status(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        page = Answer(502, (("Content-Type", "text/html"),), b"<html>Bad gateway</html>")
        assert type(answered(bucket, proxy, page)) is Unavailable

    def test_retry_after_is_kept(self, bucket: Bucket, proxy: FaultProxy) -> None:
        error = answered(bucket, proxy, error_answer(429, "TooManyRequests", retry_after="7"))
        assert error.retry_after == 7.0

    @pytest.mark.parametrize("value", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "nan", "9" * 30, ""])
    def test_a_retry_after_that_is_no_number_of_seconds_is_left_out(
        self, bucket: Bucket, proxy: FaultProxy, value: str
    ) -> None:
        error = answered(bucket, proxy, error_answer(503, "SlowDown", retry_after=value))
        assert error.retry_after is None


class TestAdvice:
    def test_a_wrong_clock_is_named_in_seconds(self, bucket: Bucket, proxy: FaultProxy) -> None:
        """Against the server's Date; ahead is positive."""
        date = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
        error = answered(bucket, proxy, error_answer(403, "RequestTimeTooSkewed", date=date))
        assert "this clock is +360" in str(error)

    def test_a_wrong_region_is_named(self, bucket: Bucket, proxy: FaultProxy) -> None:
        body = (
            b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>The region is wrong."
            b"</Message><Region>eu-central-1</Region></Error>"
        )
        error = answered(bucket, proxy, Answer(400, body=body))
        assert type(error) is ConfigError
        assert "set region = 'eu-central-1'" in str(error)
        assert len(proxy.requests) <= 2  # botocore asks there itself, once

    def test_an_expired_token_says_what_to_do(self, bucket: Bucket, proxy: FaultProxy) -> None:
        error = answered(bucket, proxy, error_answer(400, "ExpiredToken", "It has expired."))
        assert "get new ones" in str(error)
        assert len(proxy.requests) == 1

    def test_a_redirect_is_named_and_not_followed(self, bucket: Bucket, proxy: FaultProxy) -> None:
        answer = error_answer(307, "TemporaryRedirect", location="http://localhost:9/x")
        error = answered(bucket, proxy, answer)
        assert type(error) is EndpointRefused
        assert len(proxy.requests) <= 2


class TestHead:
    """A HEAD's answer has no body, so nothing but its status says what is wrong."""

    def test_a_missing_bucket_is_told_from_a_missing_object(self, bucket: Bucket) -> None:
        with pytest.raises(NotFound) as caught:
            bucket.stat("nope")
        assert type(caught.value) is NotFound

    def test_a_missing_bucket_is_named(self, open_bucket: Any) -> None:
        with pytest.raises(BucketNotFound, match="never makes a bucket"):
            open_bucket(bucket="no-such-bucket").stat("key")

    def test_exists_does_not_hide_a_missing_bucket(self, open_bucket: Any) -> None:
        with pytest.raises(BucketNotFound):
            open_bucket(bucket="no-such-bucket").exists("key")

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (403, "SignatureDoesNotMatch", Unauthenticated),
            (403, "AccessDenied", PermissionDenied),
            (400, "ExpiredToken", CredentialsExpired),
            (404, "NoSuchBucket", BucketNotFound),
            (403, "RequestTimeTooSkewed", ClockSkew),
        ],
    )
    def test_the_reason_is_asked_for(
        self,
        bucket: Bucket,
        proxy: FaultProxy,
        status: int,
        code: str,
        kind: type[PortableError],
    ) -> None:
        """With one GET of nothing much."""
        proxy.add(Fault("status", answer=error_answer(status, code), times=None))
        with pytest.raises(PortableError) as caught:
            bucket.stat("key")
        assert type(caught.value) is kind
        sent = [request.method for request in proxy.requests]
        assert sent in (["HEAD", "GET"], ["HEAD", "HEAD", "GET"])  # a 400 may mean the region

    def test_permission_denied_is_never_not_found(self, bucket: Bucket, proxy: FaultProxy) -> None:
        """And says that a missing object can look so."""
        proxy.add(Fault("status", answer=error_answer(403, "AccessDenied"), times=None))
        with pytest.raises(PermissionDenied, match="s3:ListBucket"):
            bucket.exists("key")


# Classes that the aws adapter never raises, each with who does.
ELSEWHERE: dict[type[PortableError], str] = {
    errors.AlreadyExists: "shapes.conditions: S3's PreconditionFailed on If-None-Match",
    errors.ObjectChanged: "the core and the driver's copy: S3's PreconditionFailed on a pinned read",
    errors.InvalidType: "the core, before anything is sent",
    errors.NoSpace: "the local adapter",
    errors.DeadlineExceeded: "the core's retry layer",
    errors.OutcomeUnknown: "the core, when a lost answer can't be settled",
    errors.LeaseLost: "queues",
    errors.NotAllSent: "queues",
    errors.QueueNotFound: "queues",
    errors.InstanceNotFound: "machines",
    errors.NoCapacity: "machines",
    errors.JobFailed: "the core, of a job's result",
    errors.JobNotFound: "the core",
    errors.MissingDependency: "discovery, when boto3 isn't installed",
    errors.EndpointRefused: "from_answer on a redirect; the settings on an endpoint",
}


def _tree(kind: type[PortableError]) -> Iterator[type[PortableError]]:
    for child in kind.__subclasses__():
        if child.__module__ == "portable.errors":
            yield child
            yield from _tree(child)


def test_every_class_of_the_tree_is_in_the_table_or_has_its_reason() -> None:
    """A class that nothing raises is a promise that nobody keeps."""
    reachable = {*BY_CODE.values(), *BY_STATUS.values()} - {RangeOutside}
    assert reachable | set(ELSEWHERE) == set(_tree(PortableError))
    assert reachable & set(ELSEWHERE) == set()
