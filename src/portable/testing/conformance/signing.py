"""Signed requests: for anyone, until they expire."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portable.errors import InvalidArgument, InvalidKey, Unsupported
from portable.storage import Bucket, SignedRequest
from portable.testing.conformance.base import Cases, Raw
from portable.testing.conformance.quirks import quirk
from portable.testing.drivers import Watch

METHODS = ["GET", "PUT", "HEAD", "DELETE"]
KEYS = ["plain.txt", "with space", "per%20cent", "plus+plus", "é/日本", "q?a=1&b=2#f", "a:b@c,d;e"]


def send(
    request: SignedRequest,
    data: bytes | None = None,
    *,
    method: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Send it with the standard library; the answer's status and body."""
    prepared = urllib.request.Request(
        request.url,
        data=data,
        method=method or request.method,
        headers={**request.headers, **(headers or {})},
    )
    try:
        with urllib.request.urlopen(prepared, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


class SigningCases(Cases):
    """`Bucket.sign`."""

    @pytest.fixture
    def signing(self, bucket: Bucket) -> None:
        """For providers that sign."""
        if bucket.capabilities.sign_max is None:
            pytest.skip("capability sign_max is None: only its refusal can be tested")

    @pytest.mark.parametrize("method", METHODS)
    def test_provider_that_can_not_sign_says_so(self, bucket: Bucket, method: str) -> None:
        """Before any request, and what to do instead."""
        watch = Watch(capabilities={"sign_max": None})
        with pytest.raises(Unsupported, match="no signed requests") as caught:
            watch.on(bucket).sign("key", method=method)
        assert caught.value.resource == f"{bucket.url}/key"
        assert watch.calls == []
        if bucket.capabilities.sign_max is None:
            with pytest.raises(Unsupported, match="no signed requests"):
                bucket.sign("key", method=method)

    @quirk("no_wire")
    @pytest.mark.usefixtures("signing")
    @pytest.mark.parametrize("key", KEYS)
    def test_signed_requests_work_without_credentials(
        self, bucket: Bucket, raw: Raw, key: str
    ) -> None:
        """PUT, GET, HEAD and DELETE, with nothing but what the request says."""
        put = bucket.sign(key, method="PUT", content_type="text/x-signed")
        assert send(put, b"signed")[0] in (200, 201, 204)
        assert raw.read(key) == b"signed"
        assert bucket.stat(key).content_type == "text/x-signed"
        assert bucket.get(key) == b"signed"
        assert send(bucket.sign(key)) == (200, b"signed")
        assert send(bucket.sign(key, method="HEAD")) == (200, b"")
        assert send(bucket.sign(key, method="DELETE"))[0] in (200, 202, 204)
        assert raw.keys() == set()
        assert send(bucket.sign(key))[0] == 404

    @quirk("no_wire")
    @pytest.mark.usefixtures("signing")
    def test_signed_request_works_with_curl(self, bucket: Bucket, raw: Raw) -> None:
        """As the manual says."""
        curl = shutil.which("curl")
        if curl is None:
            pytest.skip("there is no curl here")
        put = bucket.sign("a/ä b.txt", method="PUT")
        headers = [
            part for name, value in put.headers.items() for part in ("-H", f"{name}: {value}")
        ]
        command = [curl, "-sf", "--max-time", "20", "--noproxy", "*"]
        subprocess.run(
            [*command, "-X", "PUT", *headers, "--data-binary", "by curl", put.url], check=True
        )
        assert raw.read("a/ä b.txt") == b"by curl"
        got = subprocess.run(
            [*command, bucket.sign("a/ä b.txt").url], check=True, capture_output=True
        )
        assert got.stdout == b"by curl"

    @quirk("no_wire")
    @quirk("signatures_unchecked")
    @pytest.mark.usefixtures("signing")
    @pytest.mark.parametrize(
        ("signed", "sent"), [("GET", "PUT"), ("GET", "DELETE"), ("PUT", "GET"), ("HEAD", "DELETE")]
    )
    def test_signed_request_allows_its_method_only(
        self, bucket: Bucket, raw: Raw, signed: str, sent: str
    ) -> None:
        """Who may read may not write."""
        bucket.put("key", b"x")
        data = b"evil" if sent == "PUT" else None
        assert send(bucket.sign("key", method=signed), data, method=sent)[0] in (400, 403)
        assert raw.read("key") == b"x"

    @quirk("no_wire")
    @quirk("signatures_unchecked")
    @pytest.mark.usefixtures("signing")
    def test_signed_put_allows_its_content_type_only(self, bucket: Bucket, raw: Raw) -> None:
        """It was signed along, where the provider does that."""
        put = bucket.sign("key.txt", method="PUT")
        if not bucket.capabilities.signs_content_type:
            assert send(put, b"x", headers={"Content-Type": "text/html"})[0] == 201
            assert bucket.stat("key.txt").content_type == "text/html"
            return
        assert dict(put.headers)["Content-Type"] == "text/plain"
        assert send(put, b"x", headers={"Content-Type": "text/html"})[0] in (400, 403)
        assert raw.keys() == set()

    @quirk("no_wire")
    @quirk("signed_conditions_unchecked")
    @pytest.mark.usefixtures("signing")
    def test_signed_put_if_absent_is_refused_the_second_time(
        self, bucket: Bucket, raw: Raw
    ) -> None:
        """By the server, whoever sends it, whoever wrote the first."""
        if not bucket.capabilities.put_if_absent:
            pytest.skip("capability put_if_absent is off: only its refusal can be tested")
        put = bucket.sign("key", method="PUT", if_absent=True)
        assert send(put, b"first")[0] in (200, 201)
        assert send(put, b"second")[0] in (409, 412)
        assert raw.read("key") == b"first"
        bucket.put("taken", b"put")
        taken = bucket.sign("taken", method="PUT", if_absent=True)
        assert send(taken, b"signed")[0] in (409, 412)
        assert raw.read("taken") == b"put"

    @pytest.mark.usefixtures("signing")
    def test_signed_put_if_absent_is_refused_where_nobody_enforces_it(self, bucket: Bucket) -> None:
        """Nothing is signed that would be ignored."""
        watch = Watch(capabilities={"put_if_absent": False})
        with pytest.raises(Unsupported, match="if_absent"):
            watch.on(bucket).sign("key", method="PUT", if_absent=True)
        assert watch.calls == []
        with pytest.raises(InvalidArgument, match="only a PUT"):
            bucket.sign("key", if_absent=True)

    @quirk("no_wire")
    @quirk("expiry_unchecked")
    @pytest.mark.usefixtures("signing")
    def test_signed_request_expires(self, bucket: Bucket) -> None:
        """And says when."""
        bucket.put("key", b"x")
        request = bucket.sign("key", expires=1)
        assert abs(request.expires_at - datetime.now(UTC)) < timedelta(seconds=5)
        time.sleep(2.1)
        status, body = send(request)
        assert status in (400, 401, 403)
        assert body != b"x"

    @pytest.mark.usefixtures("signing")
    def test_signed_request_hides_its_url(self, bucket: Bucket) -> None:
        """From `repr`, and so from logs; `str` is the URL."""
        request = bucket.sign("key", expires=timedelta(minutes=5))
        assert str(request) == request.url
        assert request.url.startswith("http")
        assert request.url not in repr(request)
        assert request.method == "GET"

    @pytest.mark.usefixtures("signing")
    def test_signing_sends_nothing(self, bucket: Bucket, raw: Raw) -> None:
        """The object need not exist."""
        watch = Watch()
        watched = watch.on(bucket)
        for method in METHODS:
            watched.sign("nope", method=method)
        assert watch.calls == ["sign"] * 4
        assert raw.keys() == set()

    @pytest.mark.usefixtures("signing")
    def test_signed_request_lives_as_long_as_the_provider_allows(self, bucket: Bucket) -> None:
        """More is refused, and so is no time at all."""
        longest = bucket.capabilities.sign_max
        assert longest is not None
        bucket.sign("key", expires=longest)
        wrong: list[Any] = [longest + timedelta(seconds=1), 0, -1, 0.5, float("nan")]
        for expires in wrong:
            with pytest.raises(InvalidArgument, match="expires") as caught:
                bucket.sign("key", expires=expires)
            assert caught.value.resource == f"{bucket.url}/key"

    @pytest.mark.usefixtures("signing")
    def test_signing_refuses_what_it_can_not_mean(self, bucket: Bucket) -> None:
        """Other methods, a GET's content type, a PUT of a bad key."""
        with pytest.raises(InvalidArgument, match="'POST'"):
            bucket.sign("key", method="POST")
        with pytest.raises(InvalidArgument, match="only a PUT"):
            bucket.sign("key", content_type="text/plain")
        with pytest.raises(InvalidKey, match="'/'"):
            bucket.sign("/key", method="PUT")
