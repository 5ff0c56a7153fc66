"""Which endpoints are refused, and what the refusal says."""

from __future__ import annotations

import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portable.endpoints import check_endpoint, check_resolved
from portable.errors import EndpointRefused, Unavailable

TAKEN = [
    ("https://s3.example.com", "https://s3.example.com"),
    ("https://S3.Example.COM/", "https://s3.example.com"),
    ("HTTPS://s3.example.com", "https://s3.example.com"),
    ("https://s3.example.com:443", "https://s3.example.com"),
    ("https://s3.example.com:9000", "https://s3.example.com:9000"),
    ("https://s3.example.com.", "https://s3.example.com"),
    ("https://host/account/", "https://host/account"),
    ("https://storage_server:9000", "https://storage_server:9000"),
    ("https://10.0.0.5", "https://10.0.0.5"),
    ("https://[2001:DB8::1]:9000", "https://[2001:db8::1]:9000"),
    ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ("http://127.0.0.1", "http://127.0.0.1"),
    ("http://127.0.0.1:80/", "http://127.0.0.1"),
    ("http://127.8.9.10:9000", "http://127.8.9.10:9000"),
    ("http://localhost:9000", "http://localhost:9000"),
    ("http://LOCALHOST.:9000", "http://localhost:9000"),
    ("http://[::1]:9000", "http://[::1]:9000"),
    ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
]

HTTP = "plain http"
METADATA = "metadata service"
FORM = "four decimal numbers"
NAME = "isn't a valid name"
USER = "user name or password"
QUERY = r"query \('\?'\) or a fragment"
SPACE = "white space"
SCHEME = "must begin with https://"
HOST = "has no host"

REFUSED = [
    ("http://s3.example.com", HTTP),
    ("http://10.0.0.5:9000", HTTP),
    ("http://localhost.example.com", HTTP),
    ("http://127.0.0.1.example.com", HTTP),
    ("http://[2001:db8::1]", HTTP),
    ("", SPACE),
    (" https://host", SPACE),
    ("https://host ", SPACE),
    ("https://ho st", SPACE),
    ("https://host\n", SPACE),
    ("https://ho\tst", SPACE),
    ("https://host\x00", SPACE),
    ("https://bücher.example", "xn-- form"),
    ("https://\uff11\uff16\uff19.254.169.254", SPACE),
    ("ftp://host", SCHEME),
    ("gopher://host", SCHEME),
    ("file:///etc/passwd", SCHEME),
    ("s3://bucket", SCHEME),
    ("//host", SCHEME),
    ("host", SCHEME),
    ("host:9000", SCHEME),
    ("https:/host", SCHEME),
    ("https:host", SCHEME),
    ("https://", HOST),
    ("https:///path", HOST),
    ("https://:9000", HOST),
    ("https://host:", HOST),
    ("https://host:port", HOST),
    ("https://host:-1", HOST),
    ("https://host:1:2", HOST),
    ("https://2001:db8::1", HOST),
    ("https://[::1", HOST),
    ("https://host:123456", HOST),
    ("https://host:0", "from 1 to 65535"),
    ("https://host:65536", "from 1 to 65535"),
    ("https://user@host", USER),
    ("https://user:hunter2@host", USER),
    ("https://:hunter2@host", USER),
    ("https://user:hunt/er2@host", USER),
    ("https://host@169.254.169.254", USER),
    ("https://host?token=hunter2", QUERY),
    ("https://host/?", QUERY),
    ("https://host#hunter2", QUERY),
    ("https://host\\@evil", USER),
    ("https://host\\evil", "character that URLs can't have"),
    ("https://-host", NAME),
    ("https://ho..st", NAME),
    ("https://ho%2est", NAME),
    (f"https://{'a' * 64}.example", NAME),
    ("https://169.254.169.254/latest", METADATA),
    ("https://169.254.1.1", METADATA),
    ("https://169.254.169.254.", METADATA),
    ("https://100.100.100.200", METADATA),
    ("https://168.63.129.16", METADATA),
    ("https://metadata.google.internal", METADATA),
    ("https://METADATA.google.internal.", METADATA),
    ("https://metadata", METADATA),
    ("https://[fe80::1]", METADATA),
    ("https://[fd00:ec2::254]", METADATA),
    ("https://[fd00:0ec2:0::254]", METADATA),
    ("https://[64:ff9b::169.254.169.254]", METADATA),
    ("https://[2002:a9fe:a9fe::1]", METADATA),
    ("https://[::169.254.169.254]", METADATA),
    ("https://[::ffff:169.254.169.254]", "IPv4 address in IPv6 form"),
    ("http://[::ffff:127.0.0.1]", "IPv4 address in IPv6 form"),
    ("https://[fe80::1%25eth0]", "has a zone"),
    ("https://[::g]", "valid IPv6"),
    ("https://[]", "valid IPv6"),
    ("https://0xa9fea9fe", FORM),
    ("http://0x7f000001", FORM),
    ("http://2130706433", FORM),
    ("https://2852039166", FORM),
    ("http://0177.0.0.1", FORM),
    ("http://127.1", FORM),
    ("http://0x7f.0.0.1", FORM),
    ("https://169.254.0xa9fe", FORM),
    ("https://256.1.1.1", FORM),
    ("https://1.2.3.4.5", FORM),
    ("https://0.0.0.0", "no address of one machine"),
    ("https://[::]", "no address of one machine"),
    ("https://224.0.0.1", "no address of one machine"),
]


@pytest.mark.parametrize(("url", "normal"), TAKEN)
def test_a_safe_endpoint_comes_back_in_its_normal_form(url: str, normal: str) -> None:
    assert check_endpoint(url) == normal
    assert check_endpoint(normal) == normal


@pytest.mark.parametrize(("url", "reason"), REFUSED)
def test_an_unsafe_endpoint_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(EndpointRefused, match=reason) as caught:
        check_endpoint(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://s3.example.com", "http://10.0.0.5:9000"])
def test_plain_http_is_taken_when_code_allows_it(url: str) -> None:
    assert check_endpoint(url, allow_http=True) == url


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254", "http://metadata.google.internal", "http://0xa9fea9fe"]
)
def test_allowing_http_does_not_allow_metadata_addresses(url: str) -> None:
    with pytest.raises(EndpointRefused):
        check_endpoint(url, allow_http=True)


pieces = st.lists(
    st.sampled_from(
        [
            "http",
            "https",
            "://",
            "/",
            "@",
            ":",
            "[",
            "]",
            "::",
            "%",
            "?",
            "#",
            "0x",
            ".",
            "127.0.0.1",
            "169.254.169.254",
            "fe80::1",
            "localhost",
            "host",
            "99999",
            "\n",
            "é",
        ]
    )
).map("".join)


@given(url=st.text() | pieces | pieces.map("https://{}".format), allow_http=st.booleans())
@example(url="https://[fe80::1%]", allow_http=False)
@example(url="https://[1.2.3.4]", allow_http=False)
@example(url="https://²", allow_http=False)
def test_any_text_is_taken_or_refused(url: str, allow_http: bool) -> None:
    """And what is taken has a normal form that is taken again."""
    try:
        normal = check_endpoint(url, allow_http=allow_http)
    except EndpointRefused:
        return
    assert check_endpoint(normal, allow_http=allow_http) == normal


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1%eth0", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0"],
)
def test_a_name_that_resolves_to_a_refused_address_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in ("10.0.0.5", address)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: answer)
    with pytest.raises(EndpointRefused, match=r"innocent\.example resolves to"):
        check_resolved("innocent.example")


def test_resolving_gives_each_address_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.5", 0))] * 2
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: answer)
    assert check_resolved("host.example") == ("10.0.0.5",)


def test_a_name_that_does_not_resolve_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unavailable, match=r"can't resolve nowhere\.example: .*not known"):
        check_resolved("nowhere.example")


def test_a_refused_name_is_not_resolved() -> None:
    with pytest.raises(EndpointRefused, match="metadata service"):
        check_resolved("metadata.google.internal")
