"""User metadata: which is allowed, how it travels, and the stamp that `portable` adds.

Every object written here carries one more entry, ``portable``: the write's random id, by which a
write whose answer was lost is recognised, and the content's CRC-32; only an object of several
parts leaves that out where the provider keeps one. Users never see it (ADR 0007, 0009).
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from portable.errors import InvalidArgument, InvalidType

MAX_BYTES = 2048  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
STAMP = "portable"
STAMP_BYTES = len(STAMP) + len("1.") + 16 + len(".") + 8

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_AS_IT_IS = re.compile(r"(?!=\?)[!-~]([ -~]*[!-~])?")
_WORD = re.compile(r"=\?utf-8\?b\?([A-Za-z0-9+/=]*)\?=", re.IGNORECASE)
_STAMP = re.compile(r"1\.([A-Za-z0-9_-]{16})\.([0-9a-f]{8})?")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Stamp(NamedTuple):
    """What `portable` knows of a write.

    Attributes:
        write_id: Random, one per write.
        crc32: Of the content, where it rides in the metadata.
    """

    write_id: str
    crc32: int | None = None


def new_write_id() -> str:
    """96 random bits in 16 characters."""
    return binascii.b2a_base64(os.urandom(12), newline=False).translate(_URL_SAFE).decode()


def check_metadata(metadata: object) -> dict[str, str]:
    """Return the user's metadata when every provider can hold it.

    The limit of 2 KiB counts names and values as an ASCII-only provider is sent them, and
    `portable`'s own 35 bytes.

    Raises:
        InvalidType: not a mapping of `str` to `str`.
        InvalidArgument: a name or the size breaks a rule, named in the text.
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise InvalidType(f"metadata is a mapping of str to str, not {type(metadata).__name__}")
    checked: dict[str, str] = {}
    for name, value in metadata.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidType(
                f"metadata is a mapping of str to str; {name!r} is {type(name).__name__} "
                f"and its value is {type(value).__name__}"
            )
        _check_entry(name, value)
        checked[name] = value
    size = STAMP_BYTES + sum(len(name) + len(encode_value(v)) for name, v in checked.items())
    if checked and size > MAX_BYTES:
        raise InvalidArgument(
            f"the metadata takes {size} bytes as it is sent (names, values, and {STAMP_BYTES} "
            f"of portable's own); {MAX_BYTES} is the most"
        )
    return checked


def _check_entry(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"the metadata name {name!r} isn't lower-case letters, digits and '_', "
            f"beginning with a letter, which is what every provider keeps"
        )
    if name == STAMP:
        raise InvalidArgument(f"the metadata name {name!r} is portable's own; use another")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"the metadata value of {name!r} isn't Unicode text") from error


def stamped(
    user: Mapping[str, str], write_id: str, crc32: int | None, *, ascii_only: bool
) -> dict[str, str]:
    """The metadata to store: encoded where it must be, the stamp added."""
    digest = "" if crc32 is None else f"{crc32:08x}"
    stored = dict(user)
    if user and ascii_only:
        stored = {name: encode_value(value) for name, value in user.items()}
    stored[STAMP] = f"1.{write_id}.{digest}"
    return stored


def unstamped(
    stored: Mapping[str, str], *, ascii_only: bool
) -> tuple[dict[str, str], Stamp | None]:
    """The user's metadata as it was given, and the stamp; `None` for a foreign object."""
    if len(stored) == 1 and (stamp := read_stamp(stored)) is not None:
        return {}, stamp
    user = {name.lower(): value for name, value in stored.items()}
    stamp = read_stamp(user)
    if stamp is not None:
        del user[STAMP]
    if ascii_only:
        user = {name: decode_value(value) for name, value in user.items()}
    return user, stamp


def read_stamp(stored: Mapping[str, str]) -> Stamp | None:
    """The stamp among stored metadata, if there is one."""
    match = _STAMP.fullmatch(stored.get(STAMP, ""))
    return match and Stamp(match[1], int(match[2], 16) if match[2] else None)


def read_crc32(stored: Mapping[str, str]) -> int | None:
    """The CRC-32 in the stamp among stored metadata, if there is one."""
    match = _STAMP.fullmatch(stored.get(STAMP, ""))
    return int(match[2], 16) if match and match[2] else None


def encode_value(value: str) -> str:
    """Printable ASCII as it is, everything else as one RFC 2047 word."""
    if _AS_IT_IS.fullmatch(value):
        return value
    return f"=?utf-8?b?{base64.b64encode(value.encode()).decode()}?="


def decode_value(value: str) -> str:
    """Undo `encode_value`; also read the words that other tools write."""
    if not value.startswith("=?"):
        return value
    from email.errors import HeaderParseError  # with the next, 2 ms to import
    from email.header import decode_header

    try:
        if (match := _WORD.fullmatch(value)) is not None:
            return base64.b64decode(match[1], validate=True).decode()
        words = decode_header(value)
        text = "".join(
            w if isinstance(w, str) else w.decode(charset or "ascii") for w, charset in words
        )
        return text or value
    except (binascii.Error, HeaderParseError, UnicodeDecodeError, LookupError):
        return value  # a foreign value that only looks like a word
