"""PostgreSQL as the tests start it: an ordinary user's, and gone with whoever asked."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from portable.testing.servers import PostgresServer, postgres, required

ASKER = """
import time
from portable.testing.servers import postgres
with postgres() as server:
    print(server.port, server.socket, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with required(postgres(durable=True)) as started:
        yield started


def connect(server: PostgresServer, password: str) -> psycopg.Connection:
    return psycopg.connect(
        host=server.host,
        port=server.port,
        dbname=server.database,
        user=server.user,
        password=password,
    )


def test_it_runs_as_an_ordinary_user_and_syncs_when_asked_to(server: PostgresServer) -> None:
    with connect(server, server.password) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        process = Path("/proc") / str(connection.info.backend_pid)
        if process.exists():
            assert process.stat().st_uid != 0


def test_a_wrong_password_is_refused_and_none_is_shown(server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(server, "wrong")
    assert server.password not in repr(server)


def test_nothing_stays_when_the_asker_is_killed(server: PostgresServer) -> None:
    """*server* has installed it already."""
    with subprocess.Popen([sys.executable, "-c", ASKER], stdout=subprocess.PIPE) as asker:
        assert asker.stdout is not None
        port, folder = asker.stdout.readline().split()
        asker.send_signal(signal.SIGKILL)
        asker.wait()
    deadline = time.monotonic() + 20
    while is_open(int(port)) or Path(folder.decode()).exists():
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.05)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
