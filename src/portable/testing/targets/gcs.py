"""The gcp provider, against servers on this machine."""

from __future__ import annotations

import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

from portable.storage import Bucket
from portable.storage.active import bucket_from
from portable.storage.around import DriverAround
from portable.storage.driver import Capabilities, PendingUpload
from portable.testing.harness import Harness, Oracle
from portable.testing.targets.s3 import fast_errors
from portable_gcp import ADAPTER
from portable_gcp.multipart import is_hidden
from portable_gcp.settings import EMULATOR, GcsSettings

if TYPE_CHECKING:
    import pytest
    from google.cloud.storage import Client

UNSET = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", EMULATOR)


def isolate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let google-auth see nothing of this machine."""
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/dev/null/none")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


def sdk_client(endpoint: str) -> Client:
    """google-cloud-storage's client, without credentials."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    return Client(
        project="testing",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": endpoint},
    )


class GcsOracle(Oracle):
    """One bucket through google-cloud-storage; its uploads, which that can't list, over HTTP."""

    def __init__(self, client: Client, endpoint: str, bucket: str) -> None:
        self._bucket = client.bucket(bucket)
        self._endpoint = endpoint
        self._name = bucket

    def read(self, key: str) -> bytes:
        data: bytes = self._bucket.blob(key).download_as_bytes(raw_download=True)
        return data

    def write(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        blob = self._bucket.blob(key)
        blob.metadata = dict(metadata or {})
        blob.upload_from_string(data, content_type=content_type or "application/octet-stream")

    def keys(self) -> set[str]:
        return {blob.name for blob in self._bucket.list_blobs() if not is_hidden(blob.name)}

    def metadata(self, key: str) -> Mapping[str, str]:
        blob = self._bucket.get_blob(key)
        return blob.metadata or {}

    def open_uploads(self) -> int:
        url = f"{self._endpoint}/{self._name}?uploads="
        with urllib.request.urlopen(url, timeout=20) as answer:
            begun = len(ElementTree.fromstring(answer.read()).findall("{*}Upload"))
        return begun + sum(is_hidden(blob.name) for blob in self._bucket.list_blobs())

    def begin_upload(self, key: str) -> bool:
        url = f"{self._endpoint}/{self._name}/{urllib.parse.quote(key)}?uploads="
        request = urllib.request.Request(url, data=b"", method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return bool(answer.status == 200)

    def damage(self, key: str) -> bool:
        query = urllib.parse.urlencode({"bucket": self._name, "name": key})
        url = f"{self._endpoint}/portable-testing/damage?{query}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return bool(answer.status == 204)


class ForeignFakeOracle(GcsOracle):
    """fake-gcs-server, which has no multipart uploads and whose memory can't be reached."""

    def clear(self) -> None:
        """Remove every object."""
        for blob in self._bucket.list_blobs():
            blob.delete()

    def open_uploads(self) -> int:
        return 0

    def begin_upload(self, key: str) -> bool:
        return False

    def damage(self, key: str) -> bool:
        """It has a digest of its own of whatever is written."""
        return False


class OneRequest(DriverAround):
    """A driver that is given no parts: what the suite calls large goes in one request."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(self.inner.capabilities, part_min=64 * 1024**2)

    def uploads(self, prefix: str) -> Iterator[PendingUpload]:
        """None; but the bucket has to be there."""
        self.inner.list(prefix, delimiter=False, start_after="", token=None, limit=1)
        return iter(())


def account_file(endpoint: str, folder: Path, name: str, *, allowed: bool) -> str:
    """The path of a key file of an account that the fake at *endpoint* makes."""
    url = f"{endpoint}/portable-testing/account?name={name}&allowed={int(allowed)}"
    path = folder / f"{name}.json"
    with urllib.request.urlopen(url, timeout=20) as answer:
        path.write_bytes(answer.read())
    return str(path)


def open_gcs_bucket(bucket: str, prefix: str = "", **settings: Any) -> Bucket:
    """A bucket of the gcp provider."""
    return bucket_from(ADAPTER, GcsSettings(bucket=bucket, prefix=prefix, **settings))


def gcs_harness(
    client: Client,
    *,
    endpoint: str,
    make_bucket: Callable[[], str],
    oracle: type[GcsOracle] = GcsOracle,
    credentials_file: str | None = None,
    denied_file: str | None = None,
    engine: Literal["sdk", "fast"] = "sdk",
    wrap: Callable[[Bucket], Bucket] = lambda bucket: bucket,
    quirks: Mapping[str, str] | None = None,
    examples: int = 5,
) -> Harness:
    """What *make_bucket* makes on the server at *endpoint*.

    Args:
        credentials_file: Of an account that may do anything; requests carry none without it.
        denied_file: Of one that may do nothing.
        wrap: Put around each bucket that is opened.
    """
    from google.api_core.exceptions import GoogleAPICallError

    bucket = make_bucket()
    settings: dict[str, Any] = {
        "endpoint": endpoint,
        "credentials_file": credentials_file,
        "engine": engine,
    }

    def opened(name: str, prefix: str = "", **more: Any) -> Bucket:
        return wrap(open_gcs_bucket(name, prefix, **{**settings, **more}))

    missing = f"portable-missing-{uuid.uuid4().hex[:12]}"
    denied = None
    if denied_file is not None:

        def denied() -> Bucket:
            return opened(bucket, credentials_file=denied_file)

    return Harness(
        open_bucket=lambda prefix: opened(bucket, prefix),
        oracle=oracle(client, endpoint, bucket),
        other_bucket=lambda: opened(make_bucket()),
        missing_bucket=lambda: opened(missing),
        denied_bucket=denied,
        sdk_errors=(GoogleAPICallError, *fast_errors(engine)),
        storage_class="NEARLINE",
        quirks=quirks or {},
        examples=examples,
    )
