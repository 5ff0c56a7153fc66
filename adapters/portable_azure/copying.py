"""Copies on the server. It fetches the source by URL, and has to be let in there, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from portable.storage.driver import StoredObject
from portable_azure.client import Client
from portable_azure.credentials import TOKEN_SCOPE
from portable_azure.errors import translated
from portable_azure.signing import Signer

# https://learn.microsoft.com/rest/api/storageservices/copy-blob-from-url
WHOLE_MAX = 256 * 1024**2
URL_MAX = 2048
BLOCK = 256 * 1024**2
LET_IN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Source:
    """What names the source, lets the service read it, and holds it to one revision."""

    headers: Mapping[str, str] = field(repr=False)


def find_source(
    origin: Client, signer: Signer, container: str, source: StoredObject
) -> Source | None:
    """The source for the service; `None` where its URL is longer than the service takes."""
    url, access = origin.url(source.key), origin.access
    headers = {"x-ms-source-if-match": source.revision}
    if access.identity is not None:
        with translated():
            token = access.identity.get_token(TOKEN_SCOPE).token
        headers["x-ms-copy-source-authorization"] = f"Bearer {token}"
    else:
        until = datetime.now(UTC).replace(microsecond=0) + LET_IN
        url += "?" + (access.sas or signer.sign(container, source.key, method="GET", until=until))
    headers["x-ms-copy-source"] = url
    return Source(headers) if len(url) <= URL_MAX else None


def spans(size: int) -> Iterator[tuple[int, int, int]]:
    """The blocks of a copy: each one's number, where it starts, and where it ends."""
    for number, start in enumerate(range(0, size, BLOCK), 1):
        yield number, start, min(start + BLOCK, size)
