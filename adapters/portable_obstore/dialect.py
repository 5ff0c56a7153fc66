"""What an adapter tells the fast engine of its provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from portable.errors import PortableError
from portable.storage.driver import Capabilities, StorageDriver, StoredObject, WriteOptions

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutResult
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

# A body of at most so many bytes is read in one piece.
SMALL_BYTES = 64 * 1024
NO_RETRIES: RetryConfig = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
# How long obstore is told that a token lasts, whose renewal is the SDK's business: it asks again
# when 300 s are left, or 240 s for Google's.
REUSED_SECONDS = 360.0
# A port that nothing can listen on.
NOWHERE = "http://127.0.0.1:0"
NOT_METADATA = frozenset(
    {
        "Cache-Control",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Language",
        "Content-Type",
        "Storage-Class",
    }
)


class Dialect(Protocol):
    """One bucket, as obstore reaches it.

    Attributes:
        capabilities: The same as the SDK driver's.
        pins: Does a read's condition go with it? It is checked on the answer anyway.
        vouches: Does the SDK's `stat` tell the CRC-32 of objects that have none of ours?
        mocked_by: The module whose mocks answer the SDK and not obstore; empty for none.
    """

    capabilities: Capabilities
    pins: bool
    vouches: bool
    mocked_by: str

    def open(self, sdk: Callable[[], StorageDriver]) -> ObjectStore | None:
        """Make the store; nothing is sent to the bucket.

        Args:
            sdk: Gives the SDK driver, for what only it knows of endpoint and credentials.

        Returns:
            `None` where obstore can't do what is configured, here or in the environment.
        """

    def described(
        self, key: str, meta: ObjectMeta, attributes: Mapping[str, str]
    ) -> StoredObject | None:
        """What the SDK driver would tell of the same answer to a read.

        But for `storage_class`, which obstore doesn't hear, and `crc32`: only ours, if any.

        Returns:
            `None` when the answer isn't the provider's.
        """

    def failure(self, status: int, code: str, message: str) -> PortableError | None:
        """The error that an answer means: that there is no such object, or one that may pass.

        Returns:
            `None` for every other: the SDK driver is asked, and knows better.
        """


class Puts(Protocol):
    """Writes by obstore, to a server that notices a body that was spoiled on the way.

    Attributes:
        put_max: Bytes of the largest body.
    """

    put_max: int

    def written(
        self, key: str, size: int, result: PutResult, write: WriteOptions
    ) -> StoredObject | None:
        """What the SDK driver would tell of the same answer; `None`: it isn't the provider's."""


def metadata(attributes: Mapping[str, str]) -> dict[str, str]:
    """The user metadata among an answer's attributes."""
    found = dict(attributes)
    for name in NOT_METADATA & found.keys():
        del found[name]
    return found


def client_options(
    endpoint: str,
    *,
    connect_timeout: float,
    read_timeout: float,
    deadline: float,
    headers: Mapping[str, str] | None = None,
) -> ClientConfig:
    """How obstore talks to *endpoint*: to no other host, and never for ever.

    obstore follows redirects and takes the provider's tokens along. A proxy that isn't there, for
    all hosts but this one, keeps it from that. It trusts the authorities that the SDKs trust:
    its own choice would be the machine's, which takes 0.1 s to read, and SSL_CERT_FILE's.

    Args:
        deadline: Seconds for an answer, its body included; one that takes longer breaks off, and
            the core goes on at the next byte.
        headers: Sent with every request.
    """
    parts = urlsplit(endpoint)
    options: dict[str, Any] = {
        "allow_http": parts.scheme == "http",
        "connect_timeout": timedelta(seconds=connect_timeout),
        "read_timeout": timedelta(seconds=read_timeout),
        "timeout": timedelta(seconds=deadline + SMALL_BYTES / (16 * 1024)),
        "pool_idle_timeout": timedelta(seconds=20),
        "proxy_url": NOWHERE,
        "proxy_excludes": parts.hostname or "",
        "default_headers": dict(headers or {}),
        **_trust(parts.scheme),
    }
    return options  # type: ignore[return-value]


def _trust(scheme: str) -> dict[str, Any]:
    if scheme != "https":
        return {"disable_system_certificates": True}
    if find_spec("certifi") is None:
        return {}
    from certifi import contents

    return {"disable_system_certificates": True, "root_certificate": contents()}


def is_proxied(endpoint: str) -> bool:
    """Does the environment want a proxy on the way to *endpoint*? That is the SDK's business."""
    parts = urlsplit(endpoint)
    proxies = getproxies()
    return (parts.scheme in proxies or "all" in proxies) and not proxy_bypass(parts.hostname or "")
