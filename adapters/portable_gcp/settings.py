"""What can be configured. Credentials come from Google's own chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from portable.adapter import StorageSettings
from portable.endpoints import check_endpoint, http_problems
from portable_gcp.emulators import emulated

ENDPOINT = "https://storage.googleapis.com"
EMULATOR = "STORAGE_EMULATOR_HOST"  # what Google's own clients look at
# https://cloud.google.com/storage/docs/buckets#naming; emulators take more.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsSettings(StorageSettings):
    """One bucket.

    Attributes:
        bucket: Its name.
        project: For the native client; the credentials' own unless given.
        billing_project: Pays for the requests to a bucket whose requester pays.
        endpoint: Another server than Google's; https, or http on loopback. STORAGE_EMULATOR_HOST
            in the environment unless given.
        allow_http: Take an `endpoint` that isn't encrypted, beyond loopback; only from code.
        credentials_file: A credential file, such as a service account's key, instead of
            Application Default Credentials.
        anonymous: Send no credentials: for public data. Emulators on loopback are sent none
            unless there is a `credentials_file`.
        engine: What carries objects' data: Google's APIs over urllib3 (``"sdk"``), or obstore
            (``"fast"``) wherever it does the same, which is reading; ``"auto"``: obstore where it
            is installed.
        connect_timeout: Seconds.
        read_timeout: Seconds without a byte.
        ca_bundle: A file of certificate authorities instead of the usual ones.
    """

    bucket: str
    project: str | None = None
    billing_project: str | None = None
    endpoint: str | None = None
    allow_http: bool = False
    credentials_file: str | None = None
    anonymous: bool = False
    engine: Literal["auto", "sdk", "fast"] = "auto"
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    ca_bundle: str | None = None

    paths: ClassVar[frozenset[str]] = frozenset({"ca_bundle", "credentials_file"})
    code_only: ClassVar[frozenset[str]] = frozenset({"allow_http"})

    @property
    def url(self) -> str:
        return f"gs://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def endpoint_id(self) -> str:
        return self.endpoint or emulated(EMULATOR) or ENDPOINT

    @property
    def server(self) -> str:
        """Where requests go: scheme, host and port, in normal form.

        Raises:
            EndpointRefused: also for an endpoint that STORAGE_EMULATOR_HOST names.
        """
        chosen = self.endpoint or emulated(EMULATOR)
        return check_endpoint(chosen, allow_http=self.allow_http) if chosen else ENDPOINT

    def problems(self) -> list[str]:
        found = StorageSettings.problems(self)
        if not _BUCKET.fullmatch(self.bucket):
            found.append(
                f"'bucket' {self.bucket!r} isn't a bucket's name: 3 to 222 lower-case letters, "
                "digits, '.', '_' and '-', a letter or digit at both ends"
            )
        if self.anonymous and self.credentials_file is not None:
            found.append("'anonymous' and 'credentials_file' exclude each other")
        return [*found, *http_problems(self)]
