"""Azure Blob Storage as obstore reaches it: reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote

from portable.errors import NotFound, PortableError, PreconditionFailed
from portable.storage.driver import StorageDriver, StoredObject
from portable.storage.http import quoted
from portable_azure.codes import is_ambiguous, meaning
from portable_azure.credentials import TOKEN_SCOPE, Access, find_access
from portable_azure.limits import capabilities, is_directory
from portable_azure.settings import AzureSettings
from portable_obstore.dialect import (
    NO_RETRIES,
    REUSED_SECONDS,
    client_options,
    is_proxied,
    metadata,
)
from portable_obstore.driver import FastDriver

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from obstore import ObjectMeta
    from obstore.store import AzureAccessKey, AzureBearerToken, AzureSASToken, AzureStore

# What obstore reads from the environment, the SDK doesn't, and no argument takes back.
OBSTORE_ONLY = frozenset({"AZURE_ENCRYPTION_KEY", "AZURE_STORAGE_ENCRYPTION_KEY"})
# Where the SDK looks for other certificate authorities than the usual ones.
TRUST = "REQUESTS_CA_BUNDLE"
# What an answer says plainly.
VERDICTS = {"BlobNotFound": NotFound, "ConditionNotMet": PreconditionFailed}


def connect(settings: AzureSettings) -> FastDriver:
    """Make a driver with both engines; azure-storage-blob is imported when it is needed.

    obstore puts nothing: its requests have no Content-MD5 for the service to compare the body
    with.
    """
    access = find_access(settings)
    return FastDriver(
        AzureDialect(settings, access),
        partial(_sdk, settings, access),
        demanded=settings.engine == "fast",
    )


def _sdk(settings: AzureSettings, access: Access) -> StorageDriver:
    from portable_azure.storage import AzureStorage

    return AzureStorage(settings, access)


class AzureDialect:
    """`Dialect` of one container."""

    pins = True
    vouches = False
    mocked_by = ""

    def __init__(self, settings: AzureSettings, access: Access) -> None:
        self._settings = settings
        self._access = access
        self.capabilities = capabilities(access)

    def open(self, sdk: Callable[[], StorageDriver]) -> AzureStore | None:
        settings, endpoint = self._settings, self._access.endpoint
        if any(map(os.environ.get, OBSTORE_ONLY)) or is_proxied(endpoint):
            return None
        trusts_others = settings.ca_bundle or os.environ.get(TRUST)
        if trusts_others and endpoint.startswith("https:"):
            return None
        return _store(settings, self._access)

    def described(
        self, key: str, meta: ObjectMeta, attributes: Mapping[str, str]
    ) -> StoredObject | None:
        etag, told = meta["e_tag"], metadata(attributes)
        if etag is None:
            return None
        if is_directory(told):
            raise NotFound("it is a directory, and no object")
        return StoredObject(
            key=key,
            size=meta["size"],
            revision=quoted(etag),
            last_modified=meta["last_modified"],
            content_type=attributes.get("Content-Type"),
            metadata=told,
            etag=etag.strip('"'),
            version=meta["version"],
        )

    def failure(self, status: int, code: str, message: str) -> PortableError | None:
        kind = meaning(code, status)
        if not kind.retryable and VERDICTS.get(code) is not kind:
            return None
        text = f"{message.partition(chr(10))[0] or 'no reason given'} ({code or status})"
        return kind(text, ambiguous=is_ambiguous(status, kind))


def _store(settings: AzureSettings, access: Access) -> AzureStore:
    from obstore.store import AzureStore

    return AzureStore(
        settings.container,
        account_name=access.account,
        endpoint=access.endpoint,
        use_emulator=False,
        use_fabric_endpoint=False,
        skip_signature=False,
        disable_tagging=False,
        credential_provider=partial(_credentials, access),
        client_options=client_options(
            access.endpoint,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            deadline=settings.deadline,
        ),
        retry_config=NO_RETRIES,
    )


def _credentials(access: Access) -> AzureAccessKey | AzureSASToken | AzureBearerToken:
    if access.key is not None:
        return {"access_key": access.key, "expires_at": None}
    if access.sas is not None:
        pairs = [pair.partition("=") for pair in access.sas.split("&")]
        return {
            "sas_token": [(name, unquote(value)) for name, _, value in pairs],
            "expires_at": None,
        }
    identity = cast("TokenCredential", access.identity)
    until = datetime.now(UTC) + timedelta(seconds=REUSED_SECONDS)
    return {"token": identity.get_token(TOKEN_SCOPE).token, "expires_at": until}
