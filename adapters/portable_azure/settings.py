"""What can be configured. Credentials come from the environment or an Azure identity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from portable.adapter import QueueSettings, ServiceSettings, StorageSettings
from portable.endpoints import http_problems

# https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*|\$root|\$web")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")


@dataclass(frozen=True, kw_only=True)
class AccountSettings(ServiceSettings):
    """How a service of a storage account is reached, whichever it is.

    Attributes:
        account: The storage account; from AZURE_STORAGE_ACCOUNT or the connection string in the
            environment unless given.
        endpoint: The service's URL where it isn't the account's usual one, such as that of
            Azurite, ``http://127.0.0.1:10000/devstoreaccount1``; https, or http on loopback.
        allow_http: Take an `endpoint` that isn't encrypted, beyond loopback; only from code.
        connect_timeout: Seconds.
        read_timeout: Seconds without a byte.
        ca_bundle: A file of certificate authorities instead of the usual ones.
    """

    __slots__ = ()  # those of two parents can't be joined: the subclasses have them

    account: str | None = None
    endpoint: str | None = None
    allow_http: bool = False
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    ca_bundle: str | None = None

    service: ClassVar[Literal["blob", "queue"]]
    paths: ClassVar[frozenset[str]] = frozenset({"ca_bundle"})
    code_only: ClassVar[frozenset[str]] = frozenset({"allow_http"})

    @property
    def endpoint_id(self) -> str:
        return self.endpoint or f"{self.service}.{self.account}"

    def problems(self) -> list[str]:
        found = super().problems()
        if self.account is not None and not _ACCOUNT.fullmatch(self.account):
            found.append(f"'account' {self.account!r} isn't a storage account's name")
        return [*found, *http_problems(self)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureSettings(AccountSettings, StorageSettings):
    """One container.

    Attributes:
        container: Its name.
        engine: What carries objects' data: azure-storage-blob's policies (``"sdk"``), or obstore
            (``"fast"``) wherever it does the same, which is reading; ``"auto"``: obstore where it
            is installed.
    """

    container: str
    engine: Literal["auto", "sdk", "fast"] = "auto"

    service = "blob"

    @property
    def url(self) -> str:
        return f"az://{self.container}/{self.prefix}".rstrip("/")

    def problems(self) -> list[str]:
        found = AccountSettings.problems(self)
        if not _CONTAINER.fullmatch(self.container):
            found.append(
                f"'container' {self.container!r} isn't a container's name: 3 to 63 lower-case "
                "letters, digits and single '-' between them"
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureQueueSettings(AccountSettings, QueueSettings):
    """One queue of Azure Queue Storage."""

    service = "queue"

    @property
    def url(self) -> str:
        return f"azurequeue://{self.name}"
