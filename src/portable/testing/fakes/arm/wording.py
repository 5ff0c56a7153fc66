"""Errors and ids in Azure Resource Manager's words.

https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

from __future__ import annotations

from datetime import UTC, datetime

from portable.testing.fakes.rest import Refused

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
QUOTA = (
    "Operation could not be completed as it results in exceeding approved Total Regional Cores "
    "quota. Additional details - Deployment Model: Resource Manager, Location: eastus, Current "
    "Limit: 10, Current Usage: 8, Additional Required: 4, (Minimum) New Limit Required: 12."
)
NO_ROOM = "Allocation failed. We do not have sufficient capacity for the requested VM size in this region."


def refused(status: int, code: str, words: str) -> Refused:
    """A request that is answered with an error."""
    return Refused(status, {"error": {"code": code, "message": words}})


def not_found(group: str, name: str) -> Refused:
    """A machine that there isn't."""
    words = (
        f"The Resource 'Microsoft.Compute/virtualMachines/{name}' under resource group "
        f"'{group}' was not found. For more details please go to "
        f"https://aka.ms/ARMResourceNotFoundFix"
    )
    return refused(404, "ResourceNotFound", words)


def invalid(words: str) -> Refused:
    """A value that can't be."""
    return refused(400, "InvalidParameter", words)


def resource_id(group: str, provider: str, kind: str, name: str) -> str:
    """A resource's full name."""
    base = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}"
    return f"{base}/providers/{provider}/{kind}/{name}"


def moment(seconds: float) -> str:
    """A time as Azure writes it, with a digit more than Python does."""
    return (
        datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+", "7+")
    )
