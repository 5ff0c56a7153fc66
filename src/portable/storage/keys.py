"""Which keys every provider can hold."""

from __future__ import annotations

import re

from portable.errors import InvalidKey, InvalidType

MAX_BYTES = 1024
# 1,024 bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html and
# https://cloud.google.com/storage/docs/objects#naming
MAX_SEGMENTS = 254
# https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
ACME = ".well-known/acme-challenge/"  # refused by Google: see the link above

_REFUSED = re.compile(
    r"""[\x00-\x1f\x7f-\x9f]      # control characters
      | \\
      | [\ud800-\udfff]           # half of a surrogate pair: not UTF-8
      | ^/ | /$ | //
      | (?:^|/)\.\.?(?:/|$)
    """,
    re.VERBOSE,
)


def check_key(key: object, prefix: str = "") -> str:
    """Return *key* when every provider can store it below *prefix*.

    Raises:
        InvalidType: not a `str`.
        InvalidKey: it breaks a rule, named in the text.
    """
    if not isinstance(key, str):
        raise InvalidType(f"a key is a str, not {type(key).__name__}", resource=repr(key)[:80])
    if (problem := _problem(key, prefix)) is not None:
        shown = key if len(key) <= 80 else key[:77] + "..."
        raise InvalidKey(f"the key {shown!r} {problem}")
    return key


def check_readable(key: object) -> str:
    """Return *key* when it can be asked for: foreign objects may break the rules for writing."""
    if not isinstance(key, str):
        raise InvalidType(f"a key is a str, not {type(key).__name__}", resource=repr(key)[:80])
    if not key:
        raise InvalidKey("the key is empty")
    if "\0" in key or not key.isascii():
        _check_text(key, "key")
    return key


def is_plain(key: str) -> bool:
    """Is *key* one that could have been written here, but for its length?"""
    return _REFUSED.search(key) is None


def check_prefix(prefix: object) -> str:
    """Return *prefix* when keys can begin with it."""
    if not isinstance(prefix, str):
        raise InvalidType(f"a prefix is a str, not {type(prefix).__name__}")
    _check_text(prefix, "prefix")
    return prefix


def _check_text(text: str, what: str) -> None:
    if "\0" in text:
        raise InvalidKey(f"the {what} {text!r} has a NUL character")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidKey(f"the {what} {text!r} isn't Unicode text: it can't be written as UTF-8")


def _problem(key: str, prefix: str) -> str | None:
    if not key:
        return "is empty"
    if (match := _REFUSED.search(key)) is not None:
        return _why(match[0])
    full = prefix + key
    if len(full) * 4 > MAX_BYTES and len(full.encode()) > MAX_BYTES:
        below = f" below {prefix!r}" if prefix else ""
        return f"is {len(full.encode())} bytes of UTF-8{below}; {MAX_BYTES} is the most"
    if full.count("/") >= MAX_SEGMENTS:
        return f"has {full.count('/') + 1} segments; {MAX_SEGMENTS} is the most"
    if full.startswith(ACME):
        return f"begins with {ACME!r}, which Google Cloud Storage refuses"
    return None


def _why(refused: str) -> str:
    if refused == "\\":
        return "has a backslash; use '/' between segments"
    if "\ud800" <= refused <= "\udfff":
        return "isn't Unicode text: it can't be written as UTF-8"
    if refused == "//":
        return "has an empty segment: two '/' in a row"
    if refused == "/":
        return "begins or ends with '/'"
    if "." in refused:
        return f"has the segment {refused.strip('/')!r}"
    return f"has the control character {refused!r}"
