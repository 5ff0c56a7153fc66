"""Shared access signatures: what lets others in, and the service itself to a copy's source."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from portable_azure.credentials import Access
from portable_azure.errors import translated
from portable_azure.limits import MARGIN, SIGN_MAX

if TYPE_CHECKING:
    from azure.storage.blob import UserDelegationKey

PERMISSIONS = {
    "GET": BlobSasPermissions(read=True),
    "HEAD": BlobSasPermissions(read=True),
    "PUT": BlobSasPermissions(create=True, write=True),
    "DELETE": BlobSasPermissions(delete=True),
}


class Signer:
    """Signs with the account's key, or with one that an identity gets for a week."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._lock = threading.Lock()
        self._delegated: UserDelegationKey | None = None
        self._until = datetime.min.replace(tzinfo=UTC)

    def sign(self, container: str, key: str, *, method: str, until: datetime) -> str:
        """The query that lets one *method* to one object, until a moment at most 7 days away."""
        with translated():
            return generate_blob_sas(
                self._access.account,
                container,
                key,
                account_key=self._access.key,
                user_delegation_key=None if self._access.key else self._delegation(until),
                permission=PERMISSIONS[method],
                expiry=until,
                protocol="https" if self._access.endpoint.startswith("https:") else None,
            )

    def _delegation(self, until: datetime) -> UserDelegationKey:
        with self._lock:
            if self._delegated is None or self._until < until:
                start = datetime.now(UTC) - MARGIN
                with BlobServiceClient(
                    self._access.endpoint, credential=self._access.identity, retry_total=0
                ) as service:
                    self._delegated = service.get_user_delegation_key(start, start + SIGN_MAX)
                self._until = start + SIGN_MAX
            return self._delegated
