"""What S3 can do; nothing of boto3 is imported to know it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from portable.storage.driver import Capabilities
from portable_aws.settings import S3Settings

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
LIMITS = Capabilities(
    storage_classes=True,
    metadata_ascii=True,
    put_max=5 * 1024**3,
    part_min=5 * 1024**2,
    part_max=5 * 1024**3,
    parts_max=10_000,
    delete_max=1000,
    sign_max=timedelta(days=7),
)


def capabilities(settings: S3Settings) -> Capabilities:
    """What one bucket's server does."""
    return replace(
        LIMITS,
        put_if_absent=settings.conditional_writes,
        put_if_match=settings.conditional_writes,
        checksum="native" if settings.checksums == "when_supported" else "metadata",
    )
