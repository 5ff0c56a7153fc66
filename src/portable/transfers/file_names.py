"""Which files the keys of a bucket become in a local folder."""

from __future__ import annotations

import os
import re

from portable.errors import InvalidKey
from portable.storage.keys import check_key
from portable.transfers.walk import PARTIAL

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_WINDOWS = re.compile(
    r"[<>:\"|?*]|(?:^|/)(?:CON|PRN|AUX|NUL|COM[1-9]|LPT[1-9])(?:\.[^/]*)?(?:/|$)|[. ](?:/|$)",
    re.IGNORECASE,
)

Where = tuple[list[str], str]  # folders, and the file in the last of them


def check_name(name: str, *, windows: bool = os.name == "nt") -> Where:
    """Return the folders and the file that *name* means.

    Raises:
        InvalidKey: it could lead elsewhere, or be another name's.
    """
    check_key(name)
    if windows and (match := _WINDOWS.search(name)) is not None:
        raise InvalidKey(f"the key {name!r} has {match[0]!r}, which Windows can't hold in a name")
    *folders, file = name.split("/")
    if (folders or [file])[0] == PARTIAL:
        raise InvalidKey(f"{PARTIAL!r} is the folder of downloads under way")
    return folders, file
