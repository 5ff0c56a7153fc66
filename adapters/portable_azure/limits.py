"""What the service can do; nothing of the SDK is imported to know it."""

from __future__ import annotations

from datetime import timedelta

from portable.storage.driver import Capabilities

# https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas
SIGN_MAX = timedelta(days=7)
# https://learn.microsoft.com/azure/storage/blobs/scalability-targets and
# https://learn.microsoft.com/rest/api/storageservices/understanding-block-blobs--append-blobs--and-page-blobs
LIMITS = Capabilities(
    storage_classes=True,
    checksum="metadata",
    late_metadata=True,
    metadata_ascii=True,
    signs_content_type=False,
    put_max=5000 * 1024**2,
    part_max=4000 * 1024**2,
    parts_max=50_000,
    delete_max=256,
    sign_max=SIGN_MAX,
)
