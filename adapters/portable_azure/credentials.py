"""Where a service of the account is and what lets us in.

The environment is looked at when the first driver of a process is made. A variable that is for
another account than the configured one is left alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portable.endpoints import check_endpoint
from portable.errors import ConfigError, EndpointRefused
from portable_azure.settings import AccountSettings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING"
ACCOUNT = "AZURE_STORAGE_ACCOUNT"
KEY = "AZURE_STORAGE_KEY"
SAS = "AZURE_STORAGE_SAS_TOKEN"
SUFFIX = "core.windows.net"
TOKEN_SCOPE = "https://storage.azure.com/.default"  # noqa: S105 - a name
# Azurite's own account, which `UseDevelopmentStorage=true` stands for; published, not a secret.
# https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
DEVELOPMENT = (
    "AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVEr"
    "Cz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A service of an account and one way in.

    Attributes:
        endpoint: Checked; without a ``/`` at its end.
        account: The storage account's name.
        key: The account's key.
        sas: A shared access signature, without ``?``.
        identity: Gives tokens; set where there is neither a key nor a signature.
    """

    endpoint: str
    account: str
    key: str | None = field(default=None, repr=False)
    sas: str | None = field(default=None, repr=False)
    identity: TokenCredential | None = field(default=None, repr=False)


def find_access(settings: AccountSettings) -> Access:
    """Put the settings and the environment together; nothing is sent.

    Raises:
        ConfigError: there is no account, or the connection string can't be read.
        EndpointRefused: also for an endpoint that the connection string names.
    """
    said = _connection_string()
    service = settings.service
    told = said.get(f"{service}endpoint")
    account = (
        settings.account
        or _account_of(settings.endpoint, service)
        or said.get("accountname")
        or _account_of(told, service)
        or os.environ.get(ACCOUNT)
    )
    if not account:
        raise ConfigError(
            f"no storage account: set 'account', or {ACCOUNT} or {CONNECTION_STRING} in the "
            f"environment"
        )
    if account != (said.get("accountname") or _account_of(told, service) or account):
        said = {}
    endpoint = check_endpoint(
        settings.endpoint or told or _usual(account, service, said), allow_http=settings.allow_http
    )
    key, sas = said.get("accountkey"), said.get("sharedaccesssignature")
    if not (key or sas) and os.environ.get(ACCOUNT, account) == account:
        key, sas = os.environ.get(KEY), os.environ.get(SAS)
    if key:
        return Access(endpoint=endpoint, account=account, key=key)
    if sas:
        return Access(endpoint=endpoint, account=account, sas=sas.lstrip("?"))
    return Access(endpoint=endpoint, account=account, identity=_identity(endpoint))


def _connection_string() -> Mapping[str, str]:
    text = os.environ.get(CONNECTION_STRING, "").strip().rstrip(";")
    if not text:
        return {}
    if text.lower() == "usedevelopmentstorage=true":
        text = DEVELOPMENT
    pairs = [pair.partition("=") for pair in text.split(";")]
    if not all(name and value for name, _, value in pairs):
        raise ConfigError(f"{CONNECTION_STRING} isn't name=value pairs joined by ';'")
    return {name.strip().lower(): value for name, _, value in pairs}


def _account_of(endpoint: str | None, service: str) -> str | None:
    """The account that an endpoint names: in its path, or as the first label of its host."""
    if endpoint is None:
        return None
    host, _, path = endpoint.partition("://")[2].rstrip("/").partition("/")
    if path:
        return path.rpartition("/")[2]
    label, _, rest = host.partition(".")
    return label if f".{service}." in f".{rest}" else None


def _usual(account: str, service: str, said: Mapping[str, str]) -> str:
    scheme = said.get("defaultendpointsprotocol", "https")
    return f"{scheme}://{account}.{service}.{said.get('endpointsuffix', SUFFIX)}"


def _identity(endpoint: str) -> TokenCredential:
    if not endpoint.startswith("https://"):
        raise EndpointRefused(
            f"an identity's token isn't sent over plain http: set {KEY} or {SAS} in the "
            f"environment, or use https"
        )
    from portable_azure.errors import translated

    with translated():
        return identity()


def identity() -> TokenCredential:
    """azure-identity's own chain."""
    from azure.identity import DefaultAzureCredential  # 0.8 s to import

    # What it tried is in the error's cause; where nobody logs, Python would print a page of it.
    logging.getLogger("azure.identity").addHandler(logging.NullHandler())
    return DefaultAzureCredential()
