"""Google's words for what went wrong, and what they mean: one table for both engines."""

from __future__ import annotations

import re
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

# The JSON API's reasons, https://cloud.google.com/storage/docs/json_api/v1/status-codes, and the
# XML API's codes, https://cloud.google.com/storage/docs/xml-api/reference-status.
BY_REASON: Mapping[str, type[PortableError]] = {
    "AccessDenied": PermissionDenied,
    "AuthenticationRequired": Unauthenticated,
    "BadDigest": IntegrityError,
    "BucketNotFound": BucketNotFound,
    "EntityTooLarge": InvalidArgument,
    "EntityTooSmall": InvalidArgument,
    "ExpiredToken": CredentialsExpired,
    "InternalError": Unavailable,
    "InvalidBucketName": ConfigError,
    "InvalidDigest": IntegrityError,
    "InvalidObjectName": InvalidKey,
    "InvalidPart": IntegrityError,  # the list of them was spoiled: we name those we sent
    "InvalidPartOrder": IntegrityError,
    "InvalidRange": RangeOutside,
    "InvalidSecurity": Unauthenticated,
    "InvalidStorageClass": InvalidArgument,
    "InvalidURI": InvalidKey,
    "KeyTooLong": InvalidKey,
    "MalformedCompleteRequest": IntegrityError,
    "MetadataTooLarge": InvalidArgument,
    "NoSuchBucket": BucketNotFound,
    "NoSuchKey": NotFound,
    "NoSuchUpload": NotFound,
    "NotImplemented": Unsupported,
    "PreconditionFailed": PreconditionFailed,
    "RequestTimeTooSkewed": ClockSkew,
    "ServiceUnavailable": Unavailable,
    "SignatureDoesNotMatch": Unauthenticated,
    "SlowDown": Throttled,
    "UserProjectMissing": ConfigError,
    "accountDisabled": PermissionDenied,
    "authError": Unauthenticated,
    "backendError": Unavailable,
    "conditionNotMet": PreconditionFailed,
    "forbidden": PermissionDenied,
    "internalError": Unavailable,
    "notFound": NotFound,
    "quotaExceeded": QuotaExceeded,
    "rateLimitExceeded": Throttled,
    "requestedRangeNotSatisfiable": RangeOutside,
    "retentionPolicyNotMet": PermissionDenied,
    "uploadTooLarge": InvalidArgument,
    "userProjectMissing": ConfigError,
    "userRateLimitExceeded": Throttled,
}
BY_STATUS: Mapping[int, type[PortableError]] = {
    400: InvalidArgument,
    401: Unauthenticated,
    403: PermissionDenied,
    404: NotFound,
    405: Unsupported,
    408: Unavailable,
    409: Unavailable,
    410: NotFound,
    412: PreconditionFailed,
    413: InvalidArgument,
    416: RangeOutside,
    429: Throttled,
    501: Unsupported,
}
# The JSON API says these in words only; of a body that was spoiled, so that its parts can't be
# told apart, in plain text.
BY_WORDS: tuple[tuple[str, type[PortableError]], ...] = (
    (r"bucket does not exist|bucket .*was not found", BucketNotFound),
    (r"(crc32c|md5).*(match|differ)|(match|differ).*(crc32c|md5)", IntegrityError),
    (r"multipart (body|request)", IntegrityError),
    (r"token.* expired|expired.* token", CredentialsExpired),
    (r"storage ?class", InvalidArgument),
)
WORDED = frozenset({"", "invalid", "notFound", "authError", "required"})

HINTS: Mapping[type[PortableError], str] = {
    BucketNotFound: "make it first: portable never makes a bucket on the way",
    ClockSkew: "set this machine's clock",
    CredentialsExpired: "sign in again (gcloud auth application-default login), or use a service "
    "account, whose tokens are renewed",
    PermissionDenied: "allow it to these credentials",
    Unauthenticated: "set up Application Default Credentials, or name a 'credentials_file'",
}


def meaning(status: int, reason: str, words: str) -> type[PortableError]:
    """The class of error that an answer is.

    Args:
        reason: The JSON API's reason or the XML API's code; empty where there is none.
    """
    if reason in WORDED:
        for pattern, kind in BY_WORDS:
            if re.search(pattern, words, re.IGNORECASE):
                return kind
    unknown = Unavailable if status >= 500 else PortableError
    return BY_REASON.get(reason) or BY_STATUS.get(status) or unknown


def is_ambiguous(status: int) -> bool:
    """May a request that was answered so have been carried out?"""
    return status >= 500
