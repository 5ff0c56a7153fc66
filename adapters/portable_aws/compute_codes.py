"""EC2's words for what went wrong, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

from portable.errors import (
    AlreadyExists,
    ClockSkew,
    ConfigError,
    CredentialsExpired,
    InstanceNotFound,
    InvalidArgument,
    NoCapacity,
    PermissionDenied,
    PortableError,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable_aws.meanings import EXPIRED, UNAUTHENTICATED, Codes

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
BY_CODE: Mapping[str, type[PortableError]] = {
    "AuthFailure": Unauthenticated,
    "Blocked": PermissionDenied,
    "ExpiredToken": CredentialsExpired,
    "IdempotentInstanceTerminated": AlreadyExists,
    "IdempotentParameterMismatch": AlreadyExists,
    "IncompleteSignature": Unauthenticated,
    "IncorrectInstanceState": Unavailable,  # it is on its way to another one
    "IncorrectSpotRequestState": Unavailable,
    "InstanceLimitExceeded": QuotaExceeded,
    "InsufficientCapacity": NoCapacity,
    "InsufficientFreeAddressesInSubnet": NoCapacity,
    "InsufficientHostCapacity": NoCapacity,
    "InsufficientInstanceCapacity": NoCapacity,
    "InsufficientVolumeCapacity": NoCapacity,
    "InternalError": Unavailable,
    "InternalFailure": Unavailable,
    "InvalidAMIID.Malformed": InvalidArgument,
    "InvalidAMIID.NotFound": InvalidArgument,
    "InvalidAMIID.Unavailable": InvalidArgument,
    "InvalidBlockDeviceMapping": InvalidArgument,
    "InvalidClientTokenId": Unauthenticated,
    "InvalidGroup.NotFound": ConfigError,
    "InvalidGroupId.Malformed": ConfigError,
    "InvalidInstanceID.Malformed": InstanceNotFound,
    "InvalidInstanceID.NotFound": InstanceNotFound,
    "InvalidInstanceType": InvalidArgument,
    "InvalidKey.Format": InvalidArgument,
    "InvalidKeyPair.Duplicate": AlreadyExists,
    "InvalidKeyPair.Format": InvalidArgument,
    "InvalidParameterCombination": InvalidArgument,
    "InvalidParameterValue": InvalidArgument,
    "InvalidSecurityGroupID.NotFound": ConfigError,
    "InvalidSubnetID.Malformed": ConfigError,
    "InvalidSubnetID.NotFound": ConfigError,
    "InvalidUserData.Malformed": InvalidArgument,
    "MaxIOPSLimitExceeded": QuotaExceeded,
    "MaxSpotInstanceCountExceeded": QuotaExceeded,
    "MissingInput": ConfigError,  # no subnet: see the hint
    "MissingParameter": InvalidArgument,
    "OperationNotPermitted": PermissionDenied,  # the machine is protected from it
    "OptInRequired": PermissionDenied,
    "PendingVerification": PermissionDenied,
    "RequestExpired": ClockSkew,
    "RequestLimitExceeded": Throttled,
    "ServiceUnavailable": Unavailable,
    "SignatureDoesNotMatch": Unauthenticated,
    "SpotMaxPriceTooLow": NoCapacity,
    "Throttling": Throttled,
    "Unavailable": Unavailable,
    "UnauthorizedOperation": PermissionDenied,
    "UnfulfillableCapacity": NoCapacity,
    "Unsupported": InvalidArgument,  # the type isn't there in the zone; the text says where it is
    "UnsupportedOperation": Unsupported,
    "VPCIdNotSpecified": ConfigError,
    "VcpuLimitExceeded": QuotaExceeded,
    "VolumeLimitExceeded": QuotaExceeded,
}
BY_STATUS: Mapping[int, type[PortableError]] = {
    401: Unauthenticated,
    403: PermissionDenied,
    408: Unavailable,
    413: InvalidArgument,
    429: Throttled,
}
# They come with a status of 500, and nothing was started.
NOT_CARRIED_OUT = frozenset(code for code, kind in BY_CODE.items() if kind is NoCapacity)

EC2 = Codes(
    by_code=BY_CODE,
    by_status=BY_STATUS,
    by_words={"no default vpc": ConfigError, "no subnets found for the default vpc": ConfigError},
    not_carried_out=NOT_CARRIED_OUT,
    hints={
        CredentialsExpired: EXPIRED,
        NoCapacity: "try again later, another type, or another region",
        PermissionDenied: "allow it to these credentials: docs/aws.md lists what is needed",
        QuotaExceeded: (
            "ask for more in the console under Service Quotas, Amazon EC2 (new accounts have 0 for "
            "types with GPUs), or use another region"
        ),
        Unauthenticated: UNAUTHENTICATED,
    },
    hints_by_words={
        "no default vpc": "set 'subnet' to a subnet of a VPC that you have",
        "no subnets found for the default vpc": "set 'subnet' to a subnet of a VPC that you have",
    },
)
