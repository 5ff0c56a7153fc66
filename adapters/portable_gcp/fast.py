"""Google Cloud Storage as obstore reaches it: reads, by the XML API."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from portable.errors import NotFound, PortableError, Unauthenticated
from portable.storage.driver import StorageDriver, StoredObject
from portable_gcp.client import Client
from portable_gcp.codes import is_ambiguous, meaning
from portable_gcp.credentials import is_anonymous
from portable_gcp.settings import GcsSettings
from portable_gcp.storage import GcsStorage
from portable_obstore.dialect import (
    NO_RETRIES,
    REUSED_SECONDS,
    client_options,
    is_proxied,
    metadata,
)
from portable_obstore.driver import FastDriver

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import GCSCredential, GCSStore

# What obstore reads from the environment, google-auth doesn't, and no argument takes back.
OBSTORE_ONLY = frozenset(
    {
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "SERVICE_ACCOUNT",
    }
)
AUTHORIZATION, PAYER = "authorization", "x-goog-user-project"
# What google-auth puts into headers and obstore can send; the last is statistics.
SENDABLE = frozenset({AUTHORIZATION, PAYER, "x-goog-api-client"})


def connect(settings: GcsSettings) -> FastDriver:
    """Make a driver with both engines, of which the SDK's has the credentials.

    obstore puts nothing: its requests have no digest for Google to compare the body with.
    """
    sdk = GcsStorage(settings)
    return FastDriver(GcsDialect(settings, sdk), lambda: sdk, demanded=settings.engine == "fast")


class GcsDialect:
    """`Dialect` of one bucket."""

    pins = False  # obstore's condition is the ETag, and a revision is the generation
    vouches = False
    mocked_by = ""

    def __init__(self, settings: GcsSettings, sdk: GcsStorage) -> None:
        self._settings = settings
        self._client = sdk.client
        self.capabilities = sdk.capabilities

    def open(self, sdk: Callable[[], StorageDriver]) -> GCSStore | None:
        settings, server = self._settings, self._client.server
        if any(map(os.environ.get, OBSTORE_ONLY)) or is_proxied(server):
            return None
        if urlsplit(server).path or (settings.ca_bundle and server.startswith("https:")):
            return None
        told = self._client.authorization()
        if not SENDABLE.issuperset(told):
            return None
        payer = settings.billing_project or told.get(PAYER)
        # As stored, never unpacked on the way.
        headers = {"accept-encoding": "gzip", **({PAYER: payer} if payer else {})}
        return _store(settings, self._client, headers)

    def described(
        self, key: str, meta: ObjectMeta, attributes: Mapping[str, str]
    ) -> StoredObject | None:
        etag, generation = meta["e_tag"], meta["version"]
        if etag is None or generation is None:
            return None
        return StoredObject(
            key=key,
            size=meta["size"],
            revision=generation,
            last_modified=meta["last_modified"],
            content_type=attributes.get("Content-Type"),
            metadata=metadata(attributes),
            etag=etag.strip('"') or None,
            version=generation,
        )

    def failure(self, status: int, code: str, message: str) -> PortableError | None:
        kind = meaning(status, code, message)
        if not kind.retryable and not (code == "NoSuchKey" and kind is NotFound):
            return None
        text = f"{message or 'no reason given'} ({code or status})"
        return kind(text, ambiguous=is_ambiguous(status))


def _store(settings: GcsSettings, client: Client, headers: Mapping[str, str]) -> GCSStore:
    from obstore.store import GCSStore

    def credentials() -> GCSCredential:
        token = client.token()
        if token is None:
            raise Unauthenticated("the credentials give no token")
        until = datetime.now(UTC) + timedelta(seconds=REUSED_SECONDS)
        return {"token": token, "expires_at": until}

    return GCSStore(
        settings.bucket,
        base_url=client.server,
        skip_signature=is_anonymous(settings),
        credential_provider=credentials,  # never asked where nothing is signed
        client_options=client_options(
            client.server,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            deadline=settings.deadline,
            headers=headers,
        ),
        retry_config=NO_RETRIES,
    )
