"""Settings, whose credentials are sent where, and what is imported when."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import portable
from portable.errors import EndpointRefused, PortableError, Unsupported
from portable.storage import Bucket
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.faults import FaultProxy
from portable.testing.targets.gcs import open_gcs_bucket
from portable_gcp.client import Client
from portable_gcp.credentials import is_anonymous
from portable_gcp.settings import GcsSettings

from .conftest import BUCKET, Open


def problems(**settings: Any) -> str:
    return " ".join(GcsSettings(**{"bucket": "acme-ml", **settings}).problems())


class TestSettings:
    def test_a_url_is_enough(self, fake: FakeGcs) -> None:
        bucket = portable.open_bucket(f"gs://{BUCKET}/team?endpoint={fake.endpoint}")
        bucket.put("key", b"x")
        assert bucket.url == f"gs://{BUCKET}/team"
        bucket.close()

    @pytest.mark.parametrize("bucket", ["", "a", "Upper", "with space", "a/b", "ü-bucket"])
    def test_a_bucket_of_that_name_can_not_be(self, bucket: str) -> None:
        assert "isn't a bucket's name: 3 to 222 lower-case" in problems(bucket=bucket)

    @pytest.mark.parametrize("bucket", ["acme-ml", "acme_ml", "example.com", "1-2"])
    def test_a_bucket_of_that_name_can_be(self, bucket: str) -> None:
        assert problems(bucket=bucket) == ""

    def test_what_excludes_each_other(self) -> None:
        assert "exclude" in problems(anonymous=True, credentials_file="/key.json")

    @pytest.mark.parametrize(
        "endpoint",
        ["http://storage.example.com", "http://169.254.169.254", "ftp://x", "http://u:p@h"],
    )
    def test_an_endpoint_that_would_leak(self, endpoint: str) -> None:
        assert "'endpoint'" in problems(endpoint=endpoint)

    def test_an_emulator_that_would_leak(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The variable is checked as the setting is."""
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://emulator.example.com")
        with pytest.raises(EndpointRefused):
            open_gcs_bucket("acme-ml", engine="sdk").get("key")

    @pytest.mark.parametrize("form", ["{}", "http://{}"])
    def test_an_emulator_of_the_environment(
        self, fake: FakeGcs, monkeypatch: pytest.MonkeyPatch, form: str
    ) -> None:
        """As Google's own clients take it."""
        host = fake.endpoint.removeprefix("http://")
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", form.format(host))
        bucket = open_gcs_bucket(BUCKET, engine="sdk")
        bucket.put("key", b"x")
        bucket.close()


class TestCredentials:
    @pytest.mark.parametrize(
        ("settings", "anonymous"),
        [
            ({}, False),
            ({"anonymous": True}, True),
            ({"endpoint": "http://127.0.0.1:4443"}, True),
            ({"endpoint": "http://[::1]:4443"}, True),
            ({"endpoint": "http://localhost:4443"}, True),
            ({"endpoint": "https://storage.example.com"}, False),
            ({"endpoint": "http://127.0.0.1:4443", "credentials_file": "/key.json"}, False),
        ],
    )
    def test_only_emulators_and_public_data_get_none(
        self, settings: dict[str, Any], anonymous: bool
    ) -> None:
        assert is_anonymous(GcsSettings(bucket="acme-ml", **settings)) is anonymous

    def test_an_emulator_is_sent_no_token(self, bucket: Bucket, proxy: FaultProxy) -> None:
        bucket.put("key", b"x")
        assert proxy.requests[0].header("authorization") is None

    def test_a_key_file_is_used(self, open_bucket: Open, proxy: FaultProxy, key_file: str) -> None:
        open_bucket(credentials_file=key_file).put("key", b"x")
        assert (proxy.requests[0].header("authorization") or "").startswith("Bearer ")

    def test_threads_ask_for_one_token(
        self, open_bucket: Open, proxy: FaultProxy, key_file: str
    ) -> None:
        """However many of them are the first."""
        bucket = open_bucket(credentials_file=key_file)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: bucket.put(f"key-{number}", b"x"), range(8)))
        assert len({request.header("authorization") for request in proxy.requests}) == 1

    def test_the_token_can_be_had_by_other_engines(self, fake: FakeGcs, key_file: str) -> None:
        settings = GcsSettings(bucket=BUCKET, endpoint=fake.endpoint)
        assert Client(settings).token() is None
        with_key = Client(replace(settings, credentials_file=key_file))
        token = with_key.token()
        assert token
        assert with_key.token() == token

    def test_nothing_secret_is_shown(
        self, open_bucket: Open, proxy: FaultProxy, key_file: str
    ) -> None:
        bucket = open_bucket(credentials_file=key_file)
        with pytest.raises(PortableError) as caught:
            bucket.get("nope")
        token = str(proxy.requests[0].header("authorization")).removeprefix("Bearer ")
        for text in (repr(bucket), str(caught.value), repr(caught.value.__cause__)):
            assert token not in text


class TestSigning:
    def test_anonymous_buckets_can_not_sign(self, bucket: Bucket) -> None:
        assert bucket.capabilities.sign_max is None
        with pytest.raises(Unsupported, match="no signed requests"):
            bucket.sign("key")

    def test_accounts_sign_for_a_week(self, open_bucket: Open, key_file: str) -> None:
        bucket = open_bucket(credentials_file=key_file)
        assert bucket.capabilities.sign_max == timedelta(days=7)
        assert "X-Goog-Signature=" in bucket.sign("key").url

    def test_credentials_without_a_key_of_their_own(self, open_bucket: Open, key_file: str) -> None:
        """A person's, from gcloud: there is nothing to sign with, and nobody to ask."""
        from google.oauth2 import credentials

        person: Any = credentials.Credentials

        bucket = open_bucket(credentials_file=key_file)
        client = bucket._connection.driver.client  # type: ignore[attr-defined]
        client.credentials = person("token")
        with pytest.raises(Unsupported, match="can't sign"):
            bucket.sign("key")


class TestImports:
    def test_nothing_of_googles_before_the_first_driver(self) -> None:
        """And google-cloud-storage, which takes a while, only for `native` and `sign`."""
        program = (
            "import sys, portable, portable_gcp\n"
            "assert not any(name.startswith('google') for name in sys.modules)\n"
            "bucket = portable.open_bucket('gs://acme-ml?endpoint=http://127.0.0.1:9&engine=sdk')\n"
            "bucket.capabilities\n"
            "assert 'google.auth' in sys.modules\n"
            "assert 'google.cloud.storage' not in sys.modules\n"
            "bucket.native\n"
            "assert 'google.cloud.storage' in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

    def test_native_is_the_sdks_client_of_the_same_server(
        self, bucket: Bucket, fake: FakeGcs
    ) -> None:
        bucket.put("key", b"x")
        assert bucket.native.bucket(BUCKET).blob("key").download_as_bytes() == b"x"
