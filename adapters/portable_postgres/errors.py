"""PostgreSQL's error codes as `portable.errors`: one table, one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import psycopg

from portable.errors import (
    ConfigError,
    IntegrityError,
    InvalidArgument,
    NoSpace,
    PermissionDenied,
    PortableError,
    QueueNotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)


class Meaning(NamedTuple):
    """What a code says to users; the server's own words come after the text."""

    kind: type[PortableError]
    text: str
    ambiguous: bool = False


# https://www.postgresql.org/docs/current/errcodes-appendix.html. Codes of five characters come
# before their classes of two. Where the server answers with an error it has done nothing, but for
# the classes that end the connection: then the error may be about what came after.
BY_CODE: Mapping[str, Meaning] = {
    "08": Meaning(Unavailable, "the connection broke", ambiguous=True),
    "0A000": Meaning(ConfigError, "the server can't do this: PostgreSQL 12 or later is needed"),
    "22": Meaning(InvalidArgument, "the server can't store this message"),
    "23503": Meaning(QueueNotFound, "there is no such queue"),
    "25006": Meaning(Unavailable, "the server is read-only: a standby, or about to be replaced"),
    "28": Meaning(Unauthenticated, "the server doesn't let this user in"),
    "3D000": Meaning(ConfigError, "there is no such database: make it, or set 'database'"),
    "3F000": Meaning(QueueNotFound, "there is no such queue"),
    "40": Meaning(Unavailable, "another transaction came between"),
    "42501": Meaning(PermissionDenied, "the user may not do this"),
    "42P01": Meaning(QueueNotFound, "there is no such queue"),
    "53": Meaning(Unavailable, "the server is short of something"),
    "53100": Meaning(NoSpace, "the server's disk is full; what was sent before is unharmed"),
    "53300": Meaning(Throttled, "the server takes no more connections"),
    "54": Meaning(InvalidArgument, "the message is too large for the server"),
    "55P03": Meaning(Unavailable, "another transaction holds a lock"),
    "57": Meaning(Unavailable, "the server ended the connection", ambiguous=True),
    "57014": Meaning(Unavailable, "the server cancelled the statement"),
    "58": Meaning(Unavailable, "the server's disk failed", ambiguous=True),
    "XX001": Meaning(IntegrityError, "the server found a damaged table"),
    "XX002": Meaning(IntegrityError, "the server found a damaged index: REINDEX repairs it"),
}
# What libpq only says in words, when no connection is made. None of it was carried out.
AT_CONNECT: Mapping[str, Meaning] = {
    "password authentication failed": Meaning(Unauthenticated, "user or password is wrong"),
    "no password supplied": Meaning(
        Unauthenticated, "no password was found: set PGPASSWORD, or write it into ~/.pgpass"
    ),
    "authentication failed": Meaning(Unauthenticated, "the server doesn't let this user in"),
    "no pg_hba.conf entry": Meaning(Unauthenticated, "the server doesn't let this user in"),
    "does not exist": Meaning(ConfigError, "the server has no such database or user"),
    "definition of service": Meaning(ConfigError, "'service' isn't in libpq's service file"),
    "certificate verify failed": Meaning(
        ConfigError,
        "the server's certificate isn't signed by a known authority: set 'ca_bundle' to the "
        "provider's certificate file",
    ),
    "server certificate for": Meaning(
        ConfigError, "the server's certificate is for another name than 'host'"
    ),
    "root certificate file": Meaning(ConfigError, "the file 'ca_bundle' can't be read"),
    "does not support SSL": Meaning(
        ConfigError,
        "the server has no TLS, and passwords and messages would be readable on the way: turn "
        "TLS on there, or set 'allow_unencrypted' in code",
    ),
    "too many clients": Meaning(Throttled, "the server takes no more connections"),
    "remaining connection slots": Meaning(Throttled, "the server takes no more connections"),
}
_BROKEN = Meaning(Unavailable, "the connection broke", ambiguous=True)
_UNREACHABLE = Meaning(Unavailable, "the server can't be reached")
_UNKNOWN = Meaning(PortableError, "PostgreSQL failed")


@contextmanager
def translated(*, connecting: bool = False) -> Iterator[None]:
    """Turn what psycopg raises inside the block into a `PortableError`."""
    try:
        yield
    except psycopg.Error as error:
        raise meaning_of(error, connecting=connecting) from error


def meaning_of(error: psycopg.Error, *, connecting: bool = False) -> PortableError:
    """The `PortableError` for what the server or libpq said."""
    said = " ".join(str(error).split())
    meaning = _meaning(error, said, connecting)
    return meaning.kind(
        f"{meaning.text} ({error.sqlstate or 'libpq'}: {said})", ambiguous=meaning.ambiguous
    )


def _meaning(error: psycopg.Error, said: str, connecting: bool) -> Meaning:
    code = error.sqlstate
    if code:
        return BY_CODE.get(code) or BY_CODE.get(code[:2], _UNKNOWN)
    if connecting:
        return next((AT_CONNECT[words] for words in AT_CONNECT if words in said), _UNREACHABLE)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return _BROKEN
    return _UNKNOWN
