"""The aws provider, against servers on this machine."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from portable.storage import Bucket
from portable.storage.active import bucket_from
from portable.testing.harness import Harness, Oracle
from portable_aws import ADAPTER
from portable_aws.settings import S3Settings

if TYPE_CHECKING:
    import pytest
    from mypy_boto3_s3.client import S3Client

REGION = "us-east-1"
# What keeps boto3 from this machine's own credentials and from looking for a role.
ENVIRONMENT: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}
UNSET = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")


def isolate(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Let boto3 see these environment variables of AWS's and none of the machine's."""
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**ENVIRONMENT, **variables}.items():
        monkeypatch.setenv(name, value)


class S3Oracle(Oracle):
    """One bucket through boto3, or what is in one folder of it."""

    def __init__(
        self, client: S3Client, bucket: str, *, home: str = "", stamps: bool = False
    ) -> None:
        """Look at *bucket*.

        Args:
            home: What all keys begin with; empty, or ending in ``/``.
            stamps: The digest is in the metadata, so that a wrong body can be put beside it.
        """
        self._client = client
        self._bucket = bucket
        self._home = home
        self._stamps = stamps

    def read(self, key: str) -> bytes:
        return self._client.get_object(**self._named(key))["Body"].read()

    def write(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        described: dict[str, Any] = {"ContentType": content_type} if content_type else {}
        self._client.put_object(
            **self._named(key), Body=data, Metadata=dict(metadata or {}), **described
        )

    def keys(self) -> set[str]:
        found: set[str] = set()
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=self._home):
            found.update(entry["Key"] for entry in page.get("Contents", ()))
        return {key.removeprefix(self._home) for key in found}

    def metadata(self, key: str) -> Mapping[str, str]:
        return self._client.head_object(**self._named(key))["Metadata"]

    def open_uploads(self) -> int:
        return len(self._uploads())

    def begin_upload(self, key: str) -> bool:
        named = self._named(key)
        begun = self._client.create_multipart_upload(**named)
        self._client.upload_part(**named, UploadId=begun["UploadId"], PartNumber=1, Body=b"part")
        return True

    def damage(self, key: str) -> bool:
        if not self._stamps:
            return False
        # In parts, so that the server itself has no digest of it.
        named = self._named(key)
        there = self._client.get_object(**named)
        body = there["Body"].read()
        upload = self._client.create_multipart_upload(
            **named, ContentType=there["ContentType"], Metadata=there["Metadata"]
        )["UploadId"]
        part = self._client.upload_part(
            **named, UploadId=upload, PartNumber=1, Body=body[:-1] + bytes([body[-1] ^ 1])
        )
        parts: Any = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        self._client.complete_multipart_upload(**named, UploadId=upload, MultipartUpload=parts)
        return True

    def clear(self) -> None:
        """Remove every object and unfinished upload."""
        keys = sorted(self.keys())
        for start in range(0, len(keys), 1000):
            named: Any = [{"Key": self._home + key} for key in keys[start : start + 1000]]
            self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": named})
        for key, upload in self._uploads():
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)

    def _named(self, key: str) -> Any:
        return {"Bucket": self._bucket, "Key": self._home + key}

    def _uploads(self) -> list[tuple[str, str]]:
        answer = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=self._home)
        return [(each["Key"], each["UploadId"]) for each in answer.get("Uploads", ())]


class MotoOracle(S3Oracle):
    """moto in this process, whose memory can be reached."""

    def damage(self, key: str) -> bool:
        from moto.s3.models import s3_backends

        (backends,) = s3_backends.values()
        stored = backends["aws"].buckets[self._bucket].keys[key]
        body = stored.value
        stored._value_buffer.seek(len(body) - 1)
        stored._value_buffer.write(bytes([body[-1] ^ 1]))
        return True


def open_s3_bucket(bucket: str, prefix: str = "", **settings: Any) -> Bucket:
    """A bucket of the aws provider."""
    return bucket_from(ADAPTER, S3Settings(bucket=bucket, prefix=prefix, **settings))


def s3_harness(
    client: S3Client,
    *,
    make_bucket: Callable[[], str],
    home: str = "",
    oracle: type[S3Oracle] = S3Oracle,
    checksums: Literal["when_supported", "when_required"] = "when_supported",
    endpoint: str | None = None,
    engine: Literal["auto", "sdk", "fast"] = "sdk",
    denied_profile: str | None = None,
    quirks: Mapping[str, str] | None = None,
    examples: int = 5,
) -> Harness:
    """What *make_bucket* makes on a server that *client* reaches.

    Args:
        home: A folder of it that takes the place of the bucket's root; ends in ``/``.
        engine: The setting.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = make_bucket()
    settings: dict[str, Any] = {
        "region": REGION,
        "endpoint": endpoint,
        "checksums": checksums,
        "engine": engine,
    }

    def open_bucket(prefix: str) -> Bucket:
        return open_s3_bucket(bucket, home + prefix.strip("/") if home else prefix, **settings)

    missing = f"portable-missing-{uuid.uuid4().hex[:12]}"
    denied = None
    if denied_profile is not None:
        profile = denied_profile

        def denied() -> Bucket:
            return open_s3_bucket(bucket, aws_profile=profile, **settings)

    return Harness(
        open_bucket=open_bucket,
        oracle=oracle(client, bucket, home=home, stamps=checksums == "when_required"),
        other_bucket=lambda: open_s3_bucket(make_bucket(), home, **settings),
        missing_bucket=lambda: open_s3_bucket(missing, **settings),
        denied_bucket=denied,
        sdk_errors=(ClientError, BotoCoreError, *fast_errors(engine)),
        storage_class="STANDARD_IA",
        quirks=quirks or {},
        examples=examples,
    )


def fast_errors(engine: str) -> tuple[type[BaseException], ...]:
    """What the fast engine raises beside the SDK."""
    if engine == "sdk":
        return ()
    from obstore.exceptions import BaseError

    return BaseError, FileNotFoundError
