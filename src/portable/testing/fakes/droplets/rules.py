"""What DigitalOcean refuses of a new Droplet."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from portable.testing.fakes.droplets.offered import IMAGES, regions, sizes
from portable.testing.fakes.droplets.wording import NOT_IN_REGION, unprocessable

_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]{0,253}[a-zA-Z0-9])?")
_TAG = re.compile(r"[a-zA-Z0-9_:-]{1,255}")
USER_DATA_BYTES = 64 * 1024


def check(asked: Mapping[str, Any], keys: Collection[str]) -> None:
    """Refuse what can't be.

    Args:
        keys: Fingerprints of the account's.
    """
    if not _NAME.fullmatch(str(asked.get("name", ""))):
        raise unprocessable("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)")
    region, size, image = asked.get("region"), str(asked.get("size")), asked.get("image")
    if region not in regions():
        raise unprocessable("You specified an invalid region for Droplet creation.")
    if size not in sizes():
        raise unprocessable("You specified an invalid size for Droplet creation.")
    if region not in sizes()[size]["regions"]:
        raise unprocessable(NOT_IN_REGION)
    if image not in IMAGES and not isinstance(image, int):
        raise unprocessable("You specified an invalid image for Droplet creation.")
    for tag in asked.get("tags") or ():
        if not _TAG.fullmatch(tag):
            raise unprocessable(f"Tag '{tag}' has characters that tags can't have.")
    if len(str(asked.get("user_data") or "").encode()) > USER_DATA_BYTES:
        raise unprocessable("User data is too long (maximum is 64 KiB)")
    unknown = [str(key) for key in asked.get("ssh_keys") or () if key not in keys]
    if unknown:
        raise unprocessable(
            f"{', '.join(unknown)} are invalid key identifiers for Droplet creation."
        )
