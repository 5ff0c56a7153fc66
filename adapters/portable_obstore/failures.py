"""obstore's errors as `portable.errors`.

They are texts only: the status and the body of an answer, or what became of the connection. What
may succeed later is told apart here, for the core to try again. For everything else the SDK
driver is asked: it knows the provider's words, and an error is in no hurry.
"""

from __future__ import annotations

import re

from obstore.exceptions import BaseError

from portable.errors import PortableError, Unavailable
from portable_obstore.dialect import NOWHERE, Dialect

RAISED = (BaseError, OSError, ValueError)
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{0,500})</Message>")
_KIND = re.compile(r"^ *kind: (\w+),$", re.MULTILINE)
_NOT_ASCII = re.compile(r"contain(s|ed|ing) non[- ](UTF-8|ASCII)")
_TLS = re.compile(r"certificate|tls|ssl|handshake", re.IGNORECASE)


class Unclear(Unavailable):
    """An answer that obstore can't read. The SDK may."""


class Illegible(Unclear):
    """One with a header of an object's that isn't ASCII, which the SDK reads."""


def verdict(error: Exception, dialect: Dialect) -> PortableError | None:
    """What *error* means, where that is plain; `None`: the SDK has to tell."""
    text = str(error)
    if (status := _STATUS.search(text)) is not None:
        code, message = _CODE.search(text), _MESSAGE.search(text)
        return dialect.failure(
            int(status[1]), code[1] if code else "", message[1] if message else ""
        )
    if _NOT_ASCII.search(text):
        return Illegible("a header isn't ASCII")
    if not isinstance(error, BaseError) or "HTTP error" not in text:
        return None if _is_ours(error, text) else Unclear("an answer can't be read", ambiguous=True)
    kind = _KIND.search(text)
    word = kind[1] if kind else "unknown"
    if word != "Connect":
        return Unavailable(f"the connection broke: {word}", ambiguous=True)
    if NOWHERE.removeprefix("http://") in text or _TLS.search(text):
        return None  # a redirect to another host, or no trust in this one
    return Unavailable("no connection; nothing was sent")


def _is_ours(error: Exception, text: str) -> bool:
    """Is it about the request or the credentials, and not about an answer?"""
    return (
        not isinstance(error, BaseError)
        or type(error).__name__ != "GenericError"
        or "without LOCATION" in text
    )
