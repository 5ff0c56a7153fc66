"""What the service can do; nothing of the SDK is imported to know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from portable.queue.driver import QueueCapabilities
from portable.storage.driver import Capabilities
from portable_azure.credentials import Access

FOLDER = "hdi_isfolder"  # what a directory is marked with, here and by Hadoop

# https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas
SIGN_MAX = timedelta(days=7)
MARGIN = timedelta(minutes=5)  # clocks differ
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
# https://learn.microsoft.com/rest/api/storageservices/put-message and
# …/get-messages, …/update-message, …/peek-messages
PEEK_MAX = 32
HIDDEN_MAX = 7 * 24 * 3600.0
MESSAGE_MAX = 64 * 1024
QUEUE = QueueCapabilities(
    wire="xml",
    message_max=MESSAGE_MAX,
    attributes_max=0,
    send_max=1,
    send_bytes_max=MESSAGE_MAX,
    receive_max=32,
    settle_max=1,
    delay_max=HIDDEN_MAX,
    lease_min=1.0,  # whole seconds
    lease_max=HIDDEN_MAX,
    wait_max=0.0,
    peeks=True,
)


def capabilities(access: Access) -> Capabilities:
    """What the service does for who is let in so; a signature can't make another."""
    if access.sas is not None:
        return replace(LIMITS, sign_max=None)
    return LIMITS if access.key else replace(LIMITS, sign_max=SIGN_MAX - MARGIN)


def is_directory(metadata: Mapping[str, str]) -> bool:
    """Does the metadata mark what is no object?"""
    return metadata.get(FOLDER, "").lower() == "true"
