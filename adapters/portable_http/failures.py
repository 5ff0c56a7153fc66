"""What urllib3 says kept an answer from coming, as `portable.errors`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from urllib3 import exceptions

from portable.errors import PortableError, Unavailable
from portable.transport import broken, not_sent, tls_failure

NOT_SENT = (
    exceptions.NewConnectionError,
    exceptions.ConnectTimeoutError,
    exceptions.ProxyError,
)
RAISED = (exceptions.HTTPError, HTTPException, OSError)  # by urllib3, NOT_SENT among them


def failure(error: Exception) -> Unavailable:
    """The meaning of one of `RAISED`."""
    if isinstance(error, exceptions.SSLError):
        return tls_failure(error)
    return not_sent(error) if isinstance(error, NOT_SENT) else broken(error)


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever urllib3 raises inside the block into `Unavailable`."""
    try:
        yield
    except PortableError:  # some are `OSError` too
        raise
    except RAISED as error:
        raise failure(error) from error
