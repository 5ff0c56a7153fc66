"""What can be configured. Credentials come from libpq's own chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from portable.adapter import QueueSettings

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^\s:\[\]@,]+)(:(?P<port>\d{1,5}))?")
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,39}")
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1|/.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresQueueSettings(QueueSettings):
    """A queue in a PostgreSQL database; several queues may share one.

    Attributes:
        host: ``NAME`` or ``NAME:PORT``, or the folder of a Unix socket; PGHOST and PGPORT unless
            given.
        database: Its name; PGDATABASE unless given.
        service: An entry of libpq's service file, for what isn't given here.
        schema: Where the tables are, made when it isn't there.
        pooler: There is a pooler such as PgBouncer in transaction mode between. LISTEN and
            prepared statements don't work through one: those that wait for a message ask for one
            every half second, and calls are a little slower.
        ca_bundle: A file of certificate authorities instead of the system's. Managed databases
            often have an authority of their own.
        allow_unencrypted: Connect without TLS beyond loopback; only from code.
        connect_timeout: Seconds.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"ca_bundle"})
    code_only: ClassVar[frozenset[str]] = frozenset({"allow_unencrypted"})

    host: str | None = None
    database: str | None = None
    service: str | None = None
    schema: str = "portable"
    pooler: bool = False
    ca_bundle: str | None = None
    allow_unencrypted: bool = False
    connect_timeout: float = 10.0

    @property
    def url(self) -> str:
        """``postgres://`` with host, database and the queue's name."""
        return f"{self.endpoint_id}/{self.database or ''}?name={self.name}"

    @property
    def endpoint_id(self) -> str:
        """The server."""
        return f"postgres://{self.host or ''}"

    @property
    def address(self) -> tuple[str | None, str | None]:
        """Host, without brackets, and port; `None` for what libpq is to find."""
        if self.host is None or self.host.startswith("/"):
            return self.host, None
        found = _HOST.fullmatch(self.host)
        return (found["name"].strip("[]"), found["port"]) if found else (self.host, None)

    def problems(self) -> list[str]:
        """What is wrong with these values beyond their types; one sentence each."""
        found = QueueSettings.problems(self)
        if (
            self.host is not None
            and not self.host.startswith("/")
            and not _HOST.fullmatch(self.host)
        ):
            found.append("'host' must be one NAME or NAME:PORT, or the folder of a Unix socket")
        if not _SCHEMA.fullmatch(self.schema):
            found.append(
                "'schema' must be 1 to 40 lower-case letters, digits and underscores, no digit first"
            )
        if self.connect_timeout <= 0:
            found.append("'connect_timeout' must be above 0 seconds")
        return found


def is_loopback(host: str | None) -> bool:
    """Does traffic to *host* stay on this machine?"""
    return host is not None and _LOOPBACK.fullmatch(host) is not None
