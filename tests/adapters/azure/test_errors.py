"""What each answer means, as the service would send it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from azure.core.exceptions import HttpResponseError

from portable import errors
from portable.errors import (
    AlreadyExists,
    BucketNotFound,
    ClockSkew,
    CredentialsExpired,
    EndpointRefused,
    IntegrityError,
    InvalidArgument,
    InvalidKey,
    LeaseLost,
    NotFound,
    PermissionDenied,
    PortableError,
    PreconditionFailed,
    QueueNotFound,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable.storage import Bucket
from portable.storage.http import RangeOutside
from portable.testing.faults import Answer, Fault, FaultProxy
from portable_azure.codes import BY_CODE, BY_STATUS

pytestmark = pytest.mark.xdist_group("azurite")

# What each code means to a user: this table and the adapter's were written apart.
MEANING: dict[type[PortableError], str] = {
    AlreadyExists: "BlobAlreadyExists QueueAlreadyExists",
    BucketNotFound: "ContainerBeingDeleted ContainerNotFound ResourceNotFound",
    IntegrityError: "InvalidMd5 Md5Mismatch",
    InvalidArgument: (
        "EmptyMetadataKey InvalidBlobTier InvalidHeaderValue InvalidInput InvalidMetadata "
        "InvalidQueryParameterValue InvalidXmlDocument MessageTooLarge MetadataTooLarge "
        "OutOfRangeQueryParameterValue RequestBodyTooLarge"
    ),
    InvalidKey: "InvalidResourceName OutOfRangeInput",
    LeaseLost: "MessageNotFound PopReceiptMismatch",
    NotFound: "BlobNotFound InvalidBlockList",
    PermissionDenied: (
        "AccountIsDisabled AuthorizationFailure AuthorizationPermissionMismatch "
        "AuthorizationProtocolMismatch AuthorizationResourceTypeMismatch "
        "AuthorizationServiceMismatch AuthorizationSourceIPMismatch BlobImmutableDueToPolicy "
        "ContainerDisabled InsufficientAccountPermissions LeaseIdMissing QueueDisabled"
    ),
    PreconditionFailed: "ConditionNotMet",
    QueueNotFound: "QueueNotFound",
    QuotaExceeded: "BlockCountExceedsLimit",
    RangeOutside: "InvalidRange",
    Throttled: "ServerBusy",
    Unauthenticated: (
        "AuthenticationFailed InvalidAuthenticationInfo KeyBasedAuthenticationNotPermitted "
        "NoAuthenticationInformation PublicAccessNotPermitted"
    ),
    Unavailable: (
        "AccountBeingCreated InternalError OperationTimedOut PendingCopyOperation QueueBeingDeleted"
    ),
    Unsupported: (
        "BlobArchived BlobBeingRehydrated DirectoryIsNotEmpty FeatureVersionMismatch "
        "InvalidBlobOrBlock InvalidBlobType QueueNotEmpty SnapshotsPresent UnsupportedHttpVerb"
    ),
}
STATUS = {"InternalError": 500, "OperationTimedOut": 500, "ServerBusy": 503}
CODES = [(code, kind) for kind, codes in MEANING.items() for code in codes.split()]
MAY_PASS = {
    *MEANING[Unavailable].split(),
    *MEANING[Throttled].split(),
    *MEANING[IntegrityError].split(),
}


def answer(status: int, code: str = "", detail: str = "", **headers: str) -> Answer:
    """An error in the service's form: a byte order mark, then XML."""
    body = (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code>'
        f"<Message>The service's words.\nRequestId:1\nTime:2</Message>"
        f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail></Error>"
    ).encode()
    more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, (("x-ms-request-id", "1"), ("x-ms-error-code", code), *more), body)


def answered(bucket: Bucket, proxy: FaultProxy, sent: Answer) -> PortableError:
    """The error of a call that is answered so."""
    proxy.add(Fault("status", answer=sent, times=None))
    with pytest.raises(PortableError) as caught:
        bucket.get("some/key", if_match="x")
    return caught.value


class TestCodes:
    def test_every_code_of_the_table_is_here(self) -> None:
        """So that a new one says here what it means."""
        assert {code for code, _ in CODES} == set(BY_CODE)

    @pytest.mark.parametrize(
        ("code", "kind"), [pair for pair in CODES if pair[0] != "InvalidRange"]
    )
    def test_a_code_means_what_users_are_told(
        self, bucket: Bucket, proxy: FaultProxy, code: str, kind: type[PortableError]
    ) -> None:
        """Class, place, code and the service's own words."""
        error = answered(bucket, proxy, answer(STATUS.get(code, 400), code))
        assert type(error) is kind
        assert (error.provider, error.operation) == ("azure", "get")
        assert error.resource == "az://azure-tests/some/key"
        assert f"The service's words. ({code})" in str(error)
        assert "RequestId" not in str(error)
        assert isinstance(error.__cause__, HttpResponseError)
        assert error.retryable == (code in MAY_PASS)
        assert error.ambiguous == (code in ("InternalError", "OperationTimedOut"))

    @pytest.mark.parametrize(
        ("status", "kind"), [pair for pair in BY_STATUS.items() if pair[0] != 416]
    )
    def test_a_status_counts_where_the_code_is_unknown(
        self, bucket: Bucket, proxy: FaultProxy, status: int, kind: type[PortableError]
    ) -> None:
        """New codes come with new versions."""
        assert type(answered(bucket, proxy, answer(status, "NewCode"))) is kind

    def test_a_404_of_a_stranger_does_not_make_an_object_missing(
        self, bucket: Bucket, proxy: FaultProxy
    ) -> None:
        """A proxy's own page isn't the service's word."""
        error = answered(bucket, proxy, Answer(404, (), b"<html>no such page</html>"))
        assert type(error) is PortableError

    def test_every_class_has_a_code_or_a_reason(self) -> None:
        """Each of the tree's: reached from an answer, or from something else."""
        otherwise = {
            ClockSkew: "a detail of AuthenticationFailed",
            CredentialsExpired: "a detail of AuthenticationFailed",
            EndpointRefused: "a redirect",
            errors.ConfigError: "the environment",
            errors.InvalidType: "the core's",
            errors.ObjectChanged: "a copy's source",
            errors.NoSpace: "local's",
            errors.DeadlineExceeded: "the core's",
            errors.OutcomeUnknown: "the core's",
            errors.NotAllSent: "the core's",
            errors.MissingDependency: "the core's",
            errors.NoCapacity: "of machines",
            errors.InstanceNotFound: "of machines",
            errors.JobNotFound: "of jobs",
            errors.JobFailed: "of jobs",
            PortableError: "the root",
        }
        tree = {
            found
            for found in vars(errors).values()
            if isinstance(found, type) and issubclass(found, PortableError)
        }
        assert tree == (set(BY_CODE.values()) - {RangeOutside}) | set(otherwise)


class TestDetails:
    def test_an_old_date_is_this_clock(self, bucket: Bucket, proxy: FaultProxy) -> None:
        theirs = format_datetime(datetime.now(UTC) - timedelta(hours=2), usegmt=True)
        detail = "Request date header too old: 'Sun, 22 Nov 2026 10:00:00 GMT'"
        sent = answer(403, "AuthenticationFailed", detail, date=theirs)
        error = answered(bucket, proxy, sent)
        assert type(error) is ClockSkew
        assert "this clock is +72" in str(error)

    @pytest.mark.parametrize(("minutes", "kind"), [(-1, CredentialsExpired), (10, ClockSkew)])
    def test_a_signature_outside_its_time(
        self, bucket: Bucket, proxy: FaultProxy, minutes: int, kind: type[PortableError]
    ) -> None:
        """It is over, or by the server's clock hasn't begun."""
        now = datetime.now(UTC)
        expiry = format_datetime(now + timedelta(minutes=minutes), usegmt=True)
        current = format_datetime(now, usegmt=True)
        detail = (
            f"Signature not valid in the specified time frame: Start [{current}] - "
            f"Expiry [{expiry}] - Current [{current}]"
        )
        error = answered(bucket, proxy, answer(403, "AuthenticationFailed", detail))
        assert type(error) is kind

    def test_a_token_that_is_over(self, bucket: Bucket, proxy: FaultProxy) -> None:
        detail = "Lifetime validation failed. The token is expired."
        error = answered(bucket, proxy, answer(401, "InvalidAuthenticationInfo", detail))
        assert type(error) is CredentialsExpired

    def test_retry_after_is_passed_on(self, bucket: Bucket, proxy: FaultProxy) -> None:
        error = answered(bucket, proxy, answer(503, "ServerBusy", retry_after="7"))
        assert error.retry_after == 7.0

    def test_a_redirect_is_not_followed(self, bucket: Bucket, proxy: FaultProxy) -> None:
        proxy.add(Fault("redirect", location="http://127.0.0.1:9/elsewhere", times=None))
        for call in (lambda: bucket.get("key"), lambda: bucket.put("key", b"x")):
            with pytest.raises(EndpointRefused, match="redirect"):
                call()

    def test_a_lease_is_no_failed_condition(self, bucket: Bucket, proxy: FaultProxy) -> None:
        """Though it is a 412, and `if_match` was given."""
        proxy.add(Fault("status", answer=answer(412, "LeaseIdMissing")))
        with pytest.raises(PermissionDenied, match="lease"):
            bucket.put("key", b"x", if_match='"0x1"')


class TestWhereAzuriteDiffers:
    """Answers as Azure gives them."""

    def test_a_range_of_an_empty_object_is_empty(self, bucket: Bucket, proxy: FaultProxy) -> None:
        """416, where Azurite says 206."""
        bucket.put("empty", b"")
        proxy.add(Fault("status", method="GET", answer=answer(416, "InvalidRange"), times=None))
        assert bucket.get("empty", range=(0, 5)) == b""

    @pytest.mark.parametrize("large", [False, True])
    def test_a_missing_object_to_replace(
        self, bucket: Bucket, proxy: FaultProxy, large: bool
    ) -> None:
        """Should it ever be a 404, as on S3."""
        path = "comp=blocklist" if large else "key"
        missing = answer(404, "BlobNotFound")
        proxy.add(Fault("status", method="PUT", path=path, answer=missing))
        with pytest.raises(PreconditionFailed, match="no object to replace"):
            bucket.put("key", b"x" * (9 * 1024**2 if large else 1), if_match='"0x1"')

    @pytest.mark.parametrize(
        "page", [Answer(200, (), b"<html>welcome</html>"), Answer(201, (), b""), Answer(204)]
    )
    def test_a_page_of_somebody_else_is_no_answer(
        self, bucket: Bucket, proxy: FaultProxy, page: Answer
    ) -> None:
        """A portal's or a proxy's: nothing was stored, listed, read or deleted."""
        calls: list[Callable[[], object]] = [
            lambda: bucket.put("key", b"x"),
            lambda: bucket.get("key"),
            lambda: bucket.stat("key"),
            lambda: list(bucket.list()),
            lambda: bucket.delete("key"),
        ]
        proxy.add(Fault("status", answer=page, times=None))
        for call in calls:
            with pytest.raises(Unavailable) as caught:
                call()
            assert caught.value.ambiguous
