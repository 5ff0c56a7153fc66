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
from portable_aws.meanings import EXPIRED, UNAUTHENTICATED, Codes

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

S3 = Codes(
    by_code=BY_CODE,
    by_status=BY_STATUS,
    not_carried_out=NOT_CARRIED_OUT,
    spoiled=SPOILED,
    hints={
        BucketNotFound: "make it first: portable never makes a bucket on the way",
        CredentialsExpired: EXPIRED,
        PermissionDenied: (
            "allow it to these credentials; without s3:ListBucket, S3 also answers so for an "
            "object that doesn't exist"
        ),
        Unauthenticated: UNAUTHENTICATED,
    },
)
meaning = S3.meaning
is_ambiguous = S3.is_ambiguous
