"""Checks of the first request: are the credentials known, is the bucket there?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable import discovery
from portable.cli.doctor.checks import Checks, Skipped
from portable.errors import (
    BucketNotFound,
    PermissionDenied,
    PortableError,
    Unauthenticated,
)

if TYPE_CHECKING:
    from portable.storage import Bucket

SECTION = "access"
# The server has looked at the signature before it says one of these.
KNOWN = (PermissionDenied, BucketNotFound)


def prove_access(checks: Checks, bucket: Bucket) -> None:
    """List the bucket, and say what the answer tells."""
    way = ("rules", "name", "answer")
    if checks.failed(*way):
        outcome = None
    else:
        outcome = _first_request(bucket)

    def credentials() -> str:
        if isinstance(outcome, Unauthenticated):
            raise outcome
        if outcome is not None and not isinstance(outcome, KNOWN):
            raise Skipped("the server gave no answer that tells")
        if bucket.capabilities.sign_max is None:
            return discovery.adapter(bucket.provider).credentials
        return "found, and the server knows them"

    def there() -> str:
        if isinstance(outcome, PermissionDenied):
            raise Skipped("the server doesn't say without permission to list")
        if outcome is not None:
            raise outcome
        return bucket.url

    def listed() -> str:
        if outcome is not None:
            raise outcome
        return ""

    checks.run(SECTION, "credentials", credentials, needs=way, bucket=bucket)
    checks.run(SECTION, "bucket", there, needs=(*way, "credentials"), bucket=bucket)
    needs = (*way, "credentials", "bucket")
    checks.run(SECTION, "list", listed, needs=needs, bucket=bucket, operation="list")


def _first_request(bucket: Bucket) -> PortableError | None:
    try:
        for _ in bucket.list(limit=1):
            pass
    except PortableError as error:
        return error
    return None
