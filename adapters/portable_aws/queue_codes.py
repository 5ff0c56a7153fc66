"""SQS's words for what went wrong, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

from portable.errors import (
    ClockSkew,
    ConfigError,
    CredentialsExpired,
    InvalidArgument,
    LeaseLost,
    PermissionDenied,
    PortableError,
    QueueNotFound,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable_aws.meanings import EXPIRED, UNAUTHENTICATED, Codes

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html and each
# operation's own; https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
BY_CODE: Mapping[str, type[PortableError]] = {
    "AccessDenied": PermissionDenied,
    "AccessDeniedException": PermissionDenied,
    "BatchEntryIdsNotDistinct": InvalidArgument,
    "BatchRequestTooLong": InvalidArgument,
    "EmptyBatchRequest": InvalidArgument,
    "ExpiredToken": CredentialsExpired,
    "ExpiredTokenException": CredentialsExpired,
    "IncompleteSignature": Unauthenticated,
    "InternalError": Unavailable,
    "InternalFailure": Unavailable,
    "InvalidAddress": QueueNotFound,
    "InvalidAttributeName": Unsupported,  # of the queue: a server that doesn't know it
    "InvalidAttributeValue": ConfigError,
    "InvalidBatchEntryId": InvalidArgument,
    "InvalidClientTokenId": Unauthenticated,
    "InvalidIdFormat": LeaseLost,  # what ReceiptHandleIsInvalid was called before
    "InvalidMessageContents": InvalidArgument,
    "InvalidParameterCombination": InvalidArgument,
    "InvalidParameterValue": InvalidArgument,
    "InvalidSecurity": ConfigError,  # plain http
    "InvalidSignatureException": Unauthenticated,
    "KmsAccessDenied": PermissionDenied,
    "KmsDisabled": PermissionDenied,
    "KmsInvalidKeyUsage": ConfigError,
    "KmsInvalidState": ConfigError,
    "KmsNotFound": ConfigError,
    "KmsOptInRequired": PermissionDenied,
    "KmsThrottled": Throttled,
    "MessageNotInflight": LeaseLost,
    "MissingAuthenticationToken": Unauthenticated,
    "MissingParameter": InvalidArgument,
    "NotAuthorized": PermissionDenied,
    "OptInRequired": PermissionDenied,
    "OverLimit": QuotaExceeded,
    "PurgeQueueInProgress": Throttled,
    "QueueAlreadyExists": ConfigError,
    "QueueDeletedRecently": Unavailable,
    "QueueDoesNotExist": QueueNotFound,
    "QueueNameExists": ConfigError,
    "ReceiptHandleIsInvalid": LeaseLost,
    "RequestExpired": ClockSkew,
    "RequestThrottled": Throttled,
    "ServiceUnavailable": Unavailable,
    "SignatureDoesNotMatch": Unauthenticated,
    "Throttling": Throttled,
    "ThrottlingException": Throttled,
    "TooManyEntriesInBatchRequest": InvalidArgument,
    "UnrecognizedClientException": Unauthenticated,
    "UnsupportedOperation": Unsupported,
    "ValidationError": InvalidArgument,
}
# A 404 without a code isn't the service's: it must not make a queue missing.
BY_STATUS: Mapping[int, type[PortableError]] = {
    401: Unauthenticated,
    403: PermissionDenied,
    405: Unsupported,
    408: Unavailable,
    413: InvalidArgument,
    429: Throttled,
    501: Unsupported,
}
# Codes that stand for several things: SignatureDoesNotMatch and InvalidParameterValue.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html and
# https://repost.aws/knowledge-center/sqs-receipt-handle-error
BY_WORDS: Mapping[str, type[PortableError]] = {
    "signature expired": ClockSkew,
    "signature not yet current": ClockSkew,
    "receipt handle has expired": LeaseLost,
}
SQS = Codes(
    by_code=BY_CODE,
    by_status=BY_STATUS,
    by_words=BY_WORDS,
    not_carried_out=frozenset({"QueueDeletedRecently", "ServiceUnavailable"}),
    hints={
        CredentialsExpired: EXPIRED,
        LeaseLost: "the lease ended: others may have the message",
        PermissionDenied: (
            "allow it to these credentials, in the queue's policy and in that of its KMS key "
            "where it has one"
        ),
        QueueNotFound: "SQS also answers so for another region, and where it isn't allowed",
        QuotaExceeded: (
            "SQS hands out about 120,000 messages of a queue at once: ack what is done, or use "
            "several queues"
        ),
        Unauthenticated: UNAUTHENTICATED,
    },
    hints_by_words={
        "must be shorter than": (
            "set 'message_max' to the queue's MaximumMessageSize, so that what is larger goes to "
            "'payloads'"
        ),
        "total visibilitytimeout": "SQS leases a message for 12 h in all from its receive",
    },
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html and
    # …/API_CreateQueue.html
    waits={"PurgeQueueInProgress": 60.0, "QueueDeletedRecently": 60.0},
)
