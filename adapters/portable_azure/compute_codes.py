"""Azure Resource Manager's words for what went wrong, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping

from portable.errors import (
    AlreadyExists,
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


class NotHere(InvalidArgument):
    """A region has no such size, or none for this subscription; it never leaves the driver."""


# https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/error-messages,
# https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors,
# https://learn.microsoft.com/azure/virtual-machines/error-codes-spot
BY_CODE: Mapping[str, type[PortableError]] = {
    "AllocationFailed": NoCapacity,
    "AnotherOperationInProgress": Unavailable,
    "AuthenticationFailed": Unauthenticated,
    "AuthorizationFailed": PermissionDenied,
    "BadRequest": InvalidArgument,
    "Conflict": Unavailable,
    "ConflictingUserInput": Unavailable,  # a disk or interface of this name is on its way out
    "DisallowedOperation": PermissionDenied,
    "ExpiredAuthenticationToken": CredentialsExpired,
    "GatewayTimeout": Unavailable,
    "IPv4BasicSkuPublicIpCountLimitReached": QuotaExceeded,
    "IPv4StandardSkuPublicIpCountLimitReached": QuotaExceeded,
    "ImageNotFound": InvalidArgument,
    "InternalExecutionError": Unavailable,
    "InternalOperationError": Unavailable,
    "InternalServerError": Unavailable,
    "InvalidAuthenticationToken": Unauthenticated,
    "InvalidAuthenticationTokenTenant": Unauthenticated,
    "InvalidParameter": InvalidArgument,
    "InvalidResourceReference": InvalidArgument,
    "LinkedAuthorizationFailed": PermissionDenied,
    "MissingSubscriptionRegistration": PermissionDenied,
    "NetworkingInternalOperationError": Unavailable,
    "OperationPreempted": Unavailable,
    "OverconstrainedAllocationRequest": NoCapacity,
    "OverconstrainedZonalAllocationRequest": NoCapacity,
    "PlatformImageNotFound": InvalidArgument,
    "PreconditionFailed": AlreadyExists,
    "PropertyChangeNotAllowed": AlreadyExists,
    "PublicIPCountLimitReached": QuotaExceeded,
    "QuotaExceeded": QuotaExceeded,
    "ReadOnlyDisabledSubscription": PermissionDenied,
    "RequestDisallowedByAzure": PermissionDenied,
    "RequestDisallowedByPolicy": PermissionDenied,
    "ResourceGroupBeingDeleted": InvalidArgument,
    "ResourceGroupNotFound": InvalidArgument,
    "ResizeDiskError": InvalidArgument,
    "ResourceQuotaExceeded": QuotaExceeded,
    "RetryableError": Unavailable,
    "ScopeLocked": PermissionDenied,
    "ServerTimeout": Unavailable,
    "ServiceUnavailable": Unavailable,
    "SkuNotAvailable": NoCapacity,
    "SubnetIsFull": QuotaExceeded,
    "SubscriptionNotFound": InvalidArgument,
    "TooManyRequests": Throttled,
    "VMStartTimedOut": Unavailable,
    "ZonalAllocationFailed": NoCapacity,
}
BY_STATUS: Mapping[int, type[PortableError]] = {
    400: InvalidArgument,
    401: Unauthenticated,
    403: PermissionDenied,
    404: InvalidArgument,  # what else isn't there, the request has named: a group, a network
    405: Unsupported,
    408: Unavailable,
    412: AlreadyExists,
    413: InvalidArgument,
    501: Unsupported,
}
# "The value Standard_Z9 provided for the VM size is not valid. The valid sizes in …"
_NOT_HERE = re.compile(r"\bVM size\b.*\bnot (valid|supported)", re.DOTALL)
_MACHINE = re.compile(r"Microsoft\.Compute/virtualMachines/[^/' ]+", re.IGNORECASE)
_QUOTA = re.compile(r"quota|exceeding approved|limit", re.IGNORECASE)
_SUBNET = re.compile(r"Microsoft\.Network/virtualNetworks", re.IGNORECASE)

HINTS: Mapping[type[PortableError], str] = {
    CredentialsExpired: "get a new token, by `az login`",
    PermissionDenied: "docs/azure.md lists what these credentials have to be allowed",
    QuotaExceeded: (
        "end machines that aren't needed, or ask for more: `az quota` or the portal, Quotas"
    ),
    Unauthenticated: "`az login`, or a service principal in AZURE_CLIENT_ID and its like",
}
HINTS_BY_CODE: Mapping[str, str] = {
    "MissingSubscriptionRegistration": (
        "`az provider register --namespace Microsoft.Compute`, and Microsoft.Network the same way"
    ),
    "ResourceGroupBeingDeleted": "name another 'resource_group', or wait until it is gone",
    "SubscriptionNotFound": "`az account list` tells which there are",
}


def meaning(status: int, code: str, words: str) -> type[PortableError]:
    """The class of error that an answer is, or a status that a machine is left with."""
    if status == 429:  # also where the code is one that means something else elsewhere
        return Throttled
    if code == "OperationNotAllowed":
        return QuotaExceeded if _QUOTA.search(words) else InvalidArgument
    if code == "InvalidParameter" and _NOT_HERE.search(words):
        return NotHere
    if code in ("ResourceNotFound", "NotFound") and _MACHINE.search(words):
        return InstanceNotFound
    unknown = Unavailable if status >= 500 else PortableError
    return BY_CODE.get(code) or BY_STATUS.get(status) or unknown


def hint(code: str, kind: type[PortableError], words: str, *, group: str, location: str) -> str:
    """What to do, where that can be said; else empty.

    Args:
        group: Of the settings.
        location: Of the settings.
    """
    if code == "ResourceGroupNotFound":
        return f"make it first: `az group create --name {group} --location {location}`"
    if _SUBNET.search(words) and kind is InvalidArgument:
        return (
            f"make it first: `az network vnet create --resource-group {group} --name portable "
            f"--location {location} --subnet-name machines`, or name another 'subnet'"
        )
    return HINTS_BY_CODE.get(code) or HINTS.get(kind, "")
