"""S3's words for what went wrong, and what they mean: one table for both engines."""

from __future__ import annotations

from collections.abc import Mapping

from portable.errors import (
    BucketNotFound,
    ClockSkew,
    ConfigError,
    CredentialsExpired,
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
from portable.storage.http import RangeOutside

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
BY_CODE: Mapping[str, type[PortableError]] = {
    "AccessDenied": PermissionDenied,
    "AccountProblem": PermissionDenied,
    "AllAccessDisabled": PermissionDenied,
    "AuthorizationHeaderMalformed": ConfigError,  # the region in the signature is another
    "BadDigest": IntegrityError,
    "ConditionalRequestConflict": Unavailable,  # two writes at once: "retry the upload"
    "EntityTooLarge": InvalidArgument,
    "EntityTooSmall": InvalidArgument,
    "ExpiredToken": CredentialsExpired,
    "ExpiredTokenException": CredentialsExpired,
    "IllegalLocationConstraintException": ConfigError,
    "IncompleteBody": IntegrityError,
    "InternalError": Unavailable,
    "InvalidAccessKeyId": Unauthenticated,
    "InvalidBucketName": ConfigError,
    "InvalidDigest": IntegrityError,
    "InvalidObjectState": Unsupported,  # archived: it must be restored first
    "InvalidRange": RangeOutside,
    "InvalidRegion": ConfigError,
    "InvalidSecurity": Unauthenticated,
    "InvalidStorageClass": InvalidArgument,
    "InvalidToken": Unauthenticated,
    "KMS.DisabledException": PermissionDenied,
    "KMS.NotFoundException": ConfigError,
    "KeyTooLongError": InvalidKey,
    "MalformedXML": InvalidArgument,
    "MetadataTooLarge": InvalidArgument,
    "MethodNotAllowed": Unsupported,
    "NoSuchBucket": BucketNotFound,
    "NoSuchKey": NotFound,
    "NoSuchUpload": NotFound,
    "NoSuchVersion": NotFound,
    "NotImplemented": Unsupported,
    "NotSignedUp": PermissionDenied,
    "OperationAborted": Unavailable,
    "PermanentRedirect": ConfigError,
    "PreconditionFailed": PreconditionFailed,
    "QuotaExceeded": QuotaExceeded,
    "RequestTimeTooSkewed": ClockSkew,
    "RequestTimeout": Unavailable,
    "ServiceUnavailable": Unavailable,
    "SignatureDoesNotMatch": Unauthenticated,
    "SlowDown": Throttled,
    "Throttling": Throttled,
    "ThrottlingException": Throttled,
    "TooManyBuckets": QuotaExceeded,
    "TooManyRequests": Throttled,
    "XAmzContentSHA256Mismatch": IntegrityError,
}
BY_STATUS: Mapping[int, type[PortableError]] = {
    401: Unauthenticated,
    403: PermissionDenied,
    404: NotFound,
    405: Unsupported,
    408: Unavailable,
    409: Unavailable,
    412: PreconditionFailed,
    413: InvalidArgument,
    416: RangeOutside,
    429: Throttled,
    501: Unsupported,
    507: QuotaExceeded,
}
# What the server says it didn't carry out, though it may later.
NOT_CARRIED_OUT = frozenset(
    {
        "ConditionalRequestConflict",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
    }
)
# What arrived wasn't what was sent, so sending it again may do.
SPOILED = frozenset({"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"})


def meaning(code: str, status: int) -> type[PortableError]:
    """The class of error that an answer is, by its code or, where it has none, its status."""
    known = BY_CODE.get(code) or BY_STATUS.get(status)
    return known or (Unavailable if status >= 500 else PortableError)


def is_ambiguous(code: str, status: int, kind: type[PortableError]) -> bool:
    """May a request that was answered so have been carried out?"""
    failed = status >= 500 and code not in NOT_CARRIED_OUT and kind is not Throttled
    return failed or (status == 200 and kind is Unavailable)
