"""What is taken for a secret, and what of a value may be shown.

The values themselves are in no text that this package makes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping


class _Hidden:
    """What is kept of a secret that was found: that there was one."""

    def __repr__(self) -> str:
        return "(hidden)"


HIDDEN = _Hidden()

_ANY_PROVIDER = "the provider's own chain: environment, its own files, the machine's role"

_WORDS = r"auth|authorization|bearer|credentials?|passphrase|passwd|password|pwd|sas|secrets?|token"
# Without what stands between the words, so that these are found in any spelling.
_JOINED = (
    r"accesskey|accesstoken|accountkey|apikey|authtoken|clientsecret|connectionstring|privatekey"
    r"|sastoken|secretkey|sessiontoken|sharedaccess|sharedkey|signingkey"
)
# `password_file` says where a secret is, and isn't one.
_POINTERS = frozenset({"arn", "command", "env", "file", "name", "path", "profile"})

# A user in a URL, with a password of any characters; a port with an '@' further on is none.
_USER = r"://[^/?#:@]*(?:@|:(?!\d{1,5}(?:[/?#]|$))[^@]*@)"
_VALUES = r"""(?x)
    (?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])      # an AWS access key's id
  | -----BEGIN[ A-Z0-9]*PRIVATE\ KEY
  | (?i:"private_key")                                      # a Google service account's file
  | (?i:(?:Account|SharedAccess)Key\s*=|SharedAccessSignature)
  | (?i:(?:^|[?&;])sig=(?!…))                              # an Azure shared access signature
  | (?i:X-(?:Amz|Goog)-(?:Credential|Signature|Security-Token))
  | (?<![A-Za-z0-9])(?:gh[opsur]_|github_pat_|hf_|dop_v1_)[A-Za-z0-9]{16}
"""


def is_secret_key(key: str) -> bool:
    """Does a setting called *key* hold a secret?"""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", key).lower()
    words = re.findall(r"[a-z0-9]+", spaced)
    if len(words) > 1 and words[-1] in _POINTERS:
        return False
    return any(re.fullmatch(_WORDS, word) for word in words) or bool(
        re.search(_JOINED, "".join(words))
    )


def looks_secret(value: object) -> bool:
    """Does *value* have the form of a secret, whatever its key?"""
    if not isinstance(value, str):
        return False
    forms = [value]
    if "%" in value:
        from urllib.parse import unquote

        forms.append(unquote(value))
    return any(re.search(_USER, form) or re.search(_VALUES, form) for form in forms)


def shown(value: object) -> str:
    """Return *value* for an error's text: short, on one line, and not if it may be a secret."""
    if value is HIDDEN or looks_secret(value):
        return "(hidden)"
    if not isinstance(value, str | int | float | bool | None):
        return "a table" if isinstance(value, Mapping) else f"a {type(value).__name__}"
    if isinstance(value, int) and value.bit_length() > 256:
        return "a number of too many digits"
    if isinstance(value, str) and "://" in value:
        value = _redacted(value)
    text = repr(value[:200]) if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:56]}…{text[-1]}"


def shown_name(name: object) -> str:
    """Return a key for an origin's text, as `shown`, without quotes where it needs none."""
    text = str(name)
    return text if re.fullmatch(r"[\w-]{1,40}", text) and not looks_secret(text) else shown(text)


def shown_url(url: str) -> str:
    """Return *url* as `shown` does, without quotes; a secret in it leaves the scheme."""
    text = _redacted(url)
    return (shown(text) if not looks_secret(text) else shown(f"{url.partition('://')[0]}://…"))[
        1:-1
    ]


def _redacted(url: str) -> str:
    """Return *url* without a user, secret settings or a fragment."""
    from urllib.parse import unquote

    address, _, query = url.partition("#")[0].partition("?")
    scheme, separator, rest = address.partition("://")
    if re.search(_USER, url):
        return f"{scheme}{separator}…"
    pairs = []
    for pair in query.split("&") if query else ():
        key, _, value = pair.partition("=")
        hidden = is_secret_key(unquote(key)) or looks_secret(value) or looks_secret(f"?{pair}")
        pairs.append(f"{key}=…" if hidden else pair)
    return f"{scheme}{separator}{rest}" + (f"?{'&'.join(pairs)}" if pairs else "")


def remedy(credentials: str) -> str:
    """Say where secrets go; *credentials* is the adapter's own sentence, or empty."""
    where = credentials or _ANY_PROVIDER
    return f"secrets don't go in the configuration. Credentials: {where}"
