"""Where requests may be sent.

SDKs take any endpoint: plain http with credentials, a cloud's metadata address, a name with a
password in it. A URL passes here first, and nothing is sent to one that doesn't.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from portable.errors import EndpointRefused, Unavailable

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

# Where clouds answer machines with credentials. AWS, Google and Azure share the first block,
# with AWS's and Google's IPv6 forms; 100.100.100.200 is Alibaba's, 168.63.129.16 Azure's.
REFUSED_NETWORKS = (
    "169.254.0.0/16",
    "168.63.129.16/32",
    "100.100.100.200/32",
    "192.0.0.192/32",
    "fe80::/10",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
)
REFUSED_NAMES = frozenset(
    {
        "metadata",
        "metadata.goog",
        "metadata.google.internal",
        "instance-data",
        "instance-data.ec2.internal",
    }
)
DEFAULT_PORTS = {"http": 80, "https": 443}


def check_endpoint(url: str, *, allow_http: bool = False) -> str:
    """Return *url* in its normal form: lower-case, no default port, no trailing ``/``.

    No name is resolved and nothing is sent; see `check_resolved`.

    Args:
        allow_http: Take plain http to other hosts than this machine too. Metadata addresses
            stay refused.

    Raises:
        EndpointRefused: the text says why and what to write instead, and repeats no part of
            *url* that could be a secret.
    """
    scheme, host, port, path = _split(url)
    name, loopback = _checked_host(host)
    if scheme == "http" and not (loopback or allow_http):
        raise EndpointRefused(
            f"plain http to {name} would show data and credentials to the network: use https://, "
            "or allow http explicitly in code"
        )
    suffix = "" if port in (None, DEFAULT_PORTS[scheme]) else f":{port}"
    return f"{scheme}://{name}{suffix}{path.rstrip('/')}"


def check_resolved(host: str) -> tuple[str, ...]:
    """Resolve *host* and return its addresses, none of which is a metadata address.

    Raises:
        EndpointRefused: one of its addresses is link-local, or a cloud's metadata service.
        Unavailable: the name can't be resolved.
    """
    import socket
    from ipaddress import ip_address

    name, _ = _checked_host(host)
    try:
        answers = socket.getaddrinfo(name.strip("[]"), None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(f"can't resolve {name}: {error}") from error
    addresses = tuple(dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers))
    for address in addresses:
        _refuse_metadata(ip_address(address), f"{name} resolves to {address}, which")
    return addresses


def _split(url: str) -> tuple[str, str, int | None, str]:
    """Take *url* apart by hand: `urllib` drops tabs and newlines and takes all sorts of hosts."""
    # What could be a secret is refused first, so that what follows may be shown.
    if not re.fullmatch(r"[!-~]+", url):
        raise EndpointRefused(
            "the endpoint is empty or has white space, a control character or a letter beyond "
            "ASCII: write international names in their xn-- form, and other characters as %XX"
        )
    if "@" in url:
        raise EndpointRefused(
            "the endpoint has a user name or password in it (an '@'): remove it; credentials come "
            "from the provider's own chain"
        )
    if "?" in url or "#" in url:
        raise EndpointRefused(
            "the endpoint has a query ('?') or a fragment ('#'): leave only https://host[:port]"
        )
    if re.search(r'[\\<>"{}|^`]', url):
        raise EndpointRefused("the endpoint has a character that URLs can't have, such as '\\'")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise EndpointRefused("the endpoint must begin with https:// (or http:// on this machine)")
    authority, slash, path = rest.partition("/")
    found = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?", authority)
    if not found or not found[1]:
        raise EndpointRefused(
            "the endpoint has no host, or more after it than a port of digits: "
            "write https://host[:port]"
        )
    port = int(found[2]) if found[2] else None
    if port is not None and not 1 <= port <= 65535:
        raise EndpointRefused("the endpoint's port must be from 1 to 65535")
    return scheme, found[1], port, slash + path


def _checked_host(host: str) -> tuple[str, bool]:
    """Return the host in its normal form, and whether it is this machine."""
    if host.startswith("[") or ":" in host:
        return _checked_ipv6(host.removeprefix("[").removesuffix("]"))
    name = host.lower().removesuffix(".")
    if name.rpartition(".")[2].startswith(tuple("0123456789")):
        return _checked_ipv4(name)
    label = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
    if len(name) > 253 or not re.fullmatch(rf"{label}(\.{label})*", name):
        raise EndpointRefused("the endpoint's host isn't a valid name")
    if name in REFUSED_NAMES:
        raise EndpointRefused(f"{name} is a cloud's metadata service, {_WHY}")
    return name, name == "localhost"


def _checked_ipv4(name: str) -> tuple[str, bool]:
    from ipaddress import AddressValueError, IPv4Address

    # Resolvers also take 2130706433, 0x7f.1 and 0177.0.0.1; `IPv4Address` takes dotted decimals.
    try:
        address = IPv4Address(name)
    except AddressValueError:
        raise EndpointRefused(
            "the endpoint's host looks like an IP address in a short, decimal, octal or "
            "hexadecimal form: write it as four decimal numbers, such as 127.0.0.1"
        ) from None
    _refuse_metadata(address, str(address))
    return str(address), address.is_loopback


def _checked_ipv6(name: str) -> tuple[str, bool]:
    from ipaddress import AddressValueError, IPv6Address

    try:
        address = IPv6Address(name.partition("%")[0])
    except AddressValueError:
        raise EndpointRefused(
            "the endpoint's host isn't a valid IPv6 address: write it as in [2001:db8::1]"
        ) from None
    if "%" in name:
        raise EndpointRefused("the endpoint's host has a zone ('%'): leave it out")
    if address.ipv4_mapped:
        raise EndpointRefused("the endpoint's host is an IPv4 address in IPv6 form: write the IPv4")
    _refuse_metadata(address, str(address))
    return f"[{address}]", address.is_loopback


_WHY = "where machines get credentials: write the service's own host"


def _refuse_metadata(address: IPv4Address | IPv6Address, subject: str) -> None:
    from ipaddress import IPv4Address, ip_network

    if address.is_unspecified or address.is_multicast:
        raise EndpointRefused(f"{subject} is no address of one machine: name the host itself")
    forms: list[IPv4Address | IPv6Address] = [address]
    if not isinstance(address, IPv4Address):
        forms += _embedded(address)
    for network in map(ip_network, REFUSED_NETWORKS):
        if any(form in network for form in forms):
            raise EndpointRefused(f"{subject} is link-local or a cloud's metadata service, {_WHY}")


def _embedded(address: IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The IPv4 addresses that gateways would take *address* for."""
    from ipaddress import IPv4Address, IPv6Network

    found: list[IPv4Address | IPv6Address] = []
    if address.ipv4_mapped:
        found.append(address.ipv4_mapped)
    if address.sixtofour:
        found.append(address.sixtofour)
    if address.teredo:
        found.extend(address.teredo)
    if address in IPv6Network("64:ff9b::/96") or address in IPv6Network("::/96"):
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return found


class HttpSettings(Protocol):
    """What the settings of a server over HTTP have in common."""

    @property
    def endpoint(self) -> str | None:
        """Its URL, where it isn't the provider's own."""

    @property
    def allow_http(self) -> bool:
        """As for `check_endpoint`."""

    @property
    def connect_timeout(self) -> float:
        """Seconds."""

    @property
    def read_timeout(self) -> float:
        """Seconds without a byte."""


def http_problems(settings: HttpSettings) -> list[str]:
    """What is wrong with them, for `StorageSettings.problems`."""
    found = []
    if settings.endpoint is not None:
        try:
            check_endpoint(settings.endpoint, allow_http=settings.allow_http)
        except EndpointRefused as error:
            found.append(f"'endpoint': {error.message}")
    for name in ("connect_timeout", "read_timeout"):
        if getattr(settings, name) <= 0:
            found.append(f"'{name}' must be above 0 seconds")
    return found
