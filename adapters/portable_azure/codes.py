"""The service's words for what went wrong, and what they mean: one table for both engines."""

from __future__ import annotations

from collections.abc import Mapping

from portable.errors import (
    AlreadyExists,
    BucketNotFound,
    CredentialsExpired,
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
from portable.storage.http import RangeOutside

# https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes and
# https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and
# https://learn.microsoft.com/rest/api/storageservices/queue-service-error-codes
BY_CODE: Mapping[str, type[PortableError]] = {
    "AccountBeingCreated": Unavailable,
    "AccountIsDisabled": PermissionDenied,
    "AuthenticationFailed": Unauthenticated,
    "AuthorizationFailure": PermissionDenied,
    "AuthorizationPermissionMismatch": PermissionDenied,
    "AuthorizationProtocolMismatch": PermissionDenied,
    "AuthorizationResourceTypeMismatch": PermissionDenied,
    "AuthorizationServiceMismatch": PermissionDenied,
    "AuthorizationSourceIPMismatch": PermissionDenied,
    "BlobAlreadyExists": AlreadyExists,
    "BlobArchived": Unsupported,
    "BlobBeingRehydrated": Unsupported,
    "BlobImmutableDueToPolicy": PermissionDenied,
    "BlobNotFound": NotFound,
    "BlockCountExceedsLimit": QuotaExceeded,  # of uncommitted blocks: 100,000 a blob
    "ConditionNotMet": PreconditionFailed,
    "ContainerBeingDeleted": BucketNotFound,
    "ContainerDisabled": PermissionDenied,
    "ContainerNotFound": BucketNotFound,
    "DirectoryIsNotEmpty": Unsupported,
    "EmptyMetadataKey": InvalidArgument,
    "FeatureVersionMismatch": Unsupported,
    "InsufficientAccountPermissions": PermissionDenied,
    "InternalError": Unavailable,
    "InvalidAuthenticationInfo": Unauthenticated,
    "InvalidBlobOrBlock": Unsupported,
    "InvalidBlobTier": InvalidArgument,
    "InvalidBlobType": Unsupported,
    "InvalidBlockList": NotFound,  # blocks that were committed or dropped before
    "InvalidHeaderValue": InvalidArgument,
    "InvalidInput": InvalidArgument,
    "InvalidMd5": IntegrityError,
    "InvalidMetadata": InvalidArgument,
    "InvalidRange": RangeOutside,
    "InvalidQueryParameterValue": InvalidArgument,
    "InvalidResourceName": InvalidKey,
    "InvalidXmlDocument": InvalidArgument,
    "KeyBasedAuthenticationNotPermitted": Unauthenticated,
    "LeaseIdMissing": PermissionDenied,  # a 412 like a failed condition, and none
    "Md5Mismatch": IntegrityError,
    "MessageNotFound": LeaseLost,  # others have acked it
    "MessageTooLarge": InvalidArgument,
    "MetadataTooLarge": InvalidArgument,
    "NoAuthenticationInformation": Unauthenticated,
    "OperationTimedOut": Unavailable,
    "OutOfRangeInput": InvalidKey,
    "OutOfRangeQueryParameterValue": InvalidArgument,
    "PendingCopyOperation": Unavailable,
    "PopReceiptMismatch": LeaseLost,  # others have the message
    "PublicAccessNotPermitted": Unauthenticated,
    "QueueAlreadyExists": AlreadyExists,
    "QueueBeingDeleted": Unavailable,
    "QueueDisabled": PermissionDenied,
    "QueueNotEmpty": Unsupported,
    "QueueNotFound": QueueNotFound,
    "RequestBodyTooLarge": InvalidArgument,
    "ResourceNotFound": BucketNotFound,  # where nobody may know which
    "ServerBusy": Throttled,
    "SnapshotsPresent": Unsupported,
    "UnsupportedHttpVerb": Unsupported,
}
# A 404 without a code isn't the service's: it must not make an object missing.
BY_STATUS: Mapping[int, type[PortableError]] = {
    400: Unavailable,  # the service's own has a code: what arrived couldn't be read
    401: Unauthenticated,
    403: PermissionDenied,
    405: Unsupported,
    408: Unavailable,
    412: PreconditionFailed,
    413: InvalidArgument,
    416: RangeOutside,
    429: Throttled,
    501: Unsupported,
    507: QuotaExceeded,
}
# What the status means of the source, to the server that copies it.
NO_SOURCE = "CannotVerifyCopySource"
OF_SOURCE: Mapping[int, type[PortableError]] = {
    403: PermissionDenied,
    404: NotFound,
    412: PreconditionFailed,
}
# What arrived wasn't what was sent, so sending it again may do.
SPOILED = frozenset({"InvalidMd5", "Md5Mismatch"})

HINTS: Mapping[type[PortableError], str] = {
    BucketNotFound: "make it first: portable never makes a container on the way",
    LeaseLost: "the lease ended: others may have the message, or have settled it",
    CredentialsExpired: "get a new signature or token",
    PermissionDenied: (
        "allow it to these credentials: the role 'Storage Blob Data Contributor' does, and for "
        "queues 'Storage Queue Data Contributor'; 'Owner' and 'Contributor' don't; an account's "
        "firewall also answers so"
    ),
    Unauthenticated: (
        "check AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or "
        "`az login`"
    ),
}
HINTS_BY_CODE: Mapping[str, str] = {
    "BlobArchived": "move it to another tier first",
    "BlobBeingRehydrated": "it is on its way out of the archive",
    "InvalidBlobOrBlock": (
        "another tool has begun an upload to this key, with block ids that don't go with ours: "
        "finish that one, or wait a week until Azure drops it"
    ),
    "InvalidBlobType": "it is a page or append blob: delete it first",
    "InvalidBlockList": (
        "another write to this key was finished meanwhile, and Azure then drops the parts of "
        "every other; nothing of this one was published"
    ),
    "LeaseIdMissing": "another tool holds a lease on it",
    "SnapshotsPresent": "it has snapshots, which would go with it: delete them first",
}


def meaning(code: str, status: int) -> type[PortableError]:
    """The class of error that an answer is, by its code or, where it has none, its status."""
    known = OF_SOURCE if code == NO_SOURCE else BY_STATUS
    return (
        BY_CODE.get(code) or known.get(status) or (Unavailable if status >= 500 else PortableError)
    )


def is_ambiguous(status: int, kind: type[PortableError]) -> bool:
    """May a request that was answered so have been carried out?"""
    return status >= 500 and kind is not Throttled


def hint(code: str, kind: type[PortableError]) -> str | None:
    """What to do, where that can be said."""
    return HINTS_BY_CODE.get(code) or HINTS.get(kind)
