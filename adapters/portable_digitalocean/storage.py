"""Spaces is S3 with other keys, unquoted ETags in conditions, and no newer checksums."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from portable.errors import (
    BucketNotFound,
    InvalidArgument,
    PortableError,
    Unauthenticated,
    Unsupported,
)
from portable.storage.driver import Capabilities, StorageDriver
from portable_aws.codes import S3
from portable_aws.fast import S3Dialect, login_of_sdk
from portable_aws.lean import Login
from portable_aws.settings import S3Settings
from portable_aws.storage import S3Storage
from portable_digitalocean.settings import SpacesSettings
from portable_obstore.driver import FastDriver

# Terraform's names, then those of DigitalOcean's examples.
# https://docs.digitalocean.com/reference/terraform/reference/
# https://docs.digitalocean.com/products/spaces/how-to/use-aws-sdks/
KEYS = (("SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY"), ("SPACES_KEY", "SPACES_SECRET"))
UNAUTHENTICATED = f"check {' and '.join(KEYS[0])}"
CONDITIONAL = ("PutObject", "CompleteMultipartUpload", "DeleteObject")


def without_classes(able: Capabilities) -> Capabilities:
    """Storage classes belong to whole buckets, standard or cold.

    https://docs.digitalocean.com/products/spaces/concepts/storage-types/
    """
    return replace(able, storage_classes=False)


def connect_fast(settings: SpacesSettings) -> FastDriver:
    """Make a driver with both engines."""
    return FastDriver(
        SpacesDialect(settings.s3),
        partial(SpacesStorage, settings.s3),
        demanded=settings.engine == "fast",
    )


class SpacesDialect(S3Dialect):
    """Objects are read by obstore, with the keys that the SDK found."""

    def __init__(self, settings: S3Settings) -> None:
        super().__init__(settings)
        self.capabilities = without_classes(self.capabilities)

    def login(self, sdk: Callable[[], StorageDriver]) -> Login | None:
        return login_of_sdk(sdk())


class SpacesStorage(S3Storage):
    """`StorageDriver` over one Spaces bucket."""

    codes = replace(S3, hints={**S3.hints, Unauthenticated: UNAUTHENTICATED})

    def __init__(self, settings: S3Settings) -> None:
        super().__init__(settings, keys=keys_of_environment())
        self.capabilities = without_classes(self.capabilities)
        self._deletes_many = True
        events = self.native.meta.events
        for operation in CONDITIONAL:
            events.register(f"before-call.s3.{operation}", _unquote_condition)
        events.register("before-call.s3.DeleteObjects", _guard_by_md5)

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        if len(keys) == 1:
            return super().delete(keys, if_match=if_match)
        if self._deletes_many:
            try:
                return super().delete(keys, if_match=if_match)
            except (InvalidArgument, Unsupported):
                self._deletes_many = False
        failed: dict[str, PortableError] = {}
        for key in keys:
            try:
                super().delete([key])
            except BucketNotFound:
                raise
            except PortableError as error:
                failed[key] = error
        return failed


def keys_of_environment() -> tuple[str, str] | None:
    """A Spaces key and its secret; `None`: they are boto3's to find."""
    for names in KEYS:
        key, secret = (os.environ.get(name, "") for name in names)
        if key and secret:
            return key, secret
    return None


def _unquote_condition(params: dict[str, Any], **_: Any) -> None:
    """Spaces compares the text, and its own has no quotes."""
    headers = params["headers"]
    if "If-Match" in headers:
        headers["If-Match"] = headers["If-Match"].strip('"')


def _guard_by_md5(params: dict[str, Any], **_: Any) -> None:
    """A bulk delete has to be guarded, and boto3 would do it by a newer checksum."""
    params["context"].get("checksum", {}).pop("request_algorithm", None)
    headers = params["headers"]
    headers.pop("x-amz-sdk-checksum-algorithm", None)
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    headers["Content-MD5"] = base64.b64encode(digest).decode()
