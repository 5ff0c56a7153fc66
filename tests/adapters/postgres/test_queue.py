"""What is PostgreSQL's own: whom it lets in, TLS, answers that get lost, poolers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import portable
from portable.errors import (
    ConfigError,
    PermissionDenied,
    PortableError,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from portable.queue.driver import WireMessage
from portable.testing.servers import PostgresServer
from portable_postgres.connections import conninfo
from portable_postgres.errors import AT_CONNECT, BY_CODE, meaning_of
from portable_postgres.queue import PostgresQueue
from portable_postgres.settings import PostgresQueueSettings
from tests.tls import make_certificate

from .conftest import Make
from .front import Front


def wire(body: bytes = b"x", **fields: Any) -> WireMessage:
    return WireMessage(body=body, attributes={}, **fields)


@pytest.fixture
def queue(make: Make) -> PostgresQueue:
    queue = make()
    queue.create()
    return queue


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def front(server: PostgresServer) -> Iterator[Front]:
    front = Front(server.port)
    yield front
    front.close()


def admin(server: PostgresServer, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(
        host=server.host, port=server.port, dbname=server.database, autocommit=True
    ) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_one_url_is_all_it_takes(server: PostgresServer) -> None:
    queue = portable.open_queue(f"{server.url('hello')}&schema=hello")
    queue.send({"lr": 0.1}, attributes={"kind": "trial"})
    (message,) = queue.receive(wait=1)
    assert message.body == {"lr": 0.1}
    assert message.ack(strict=True)
    assert server.password not in repr(queue) + queue.url
    queue.close()


def test_a_wrong_password_says_where_passwords_come_from(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "wr0ng-s3cret")
    with pytest.raises(Unauthenticated, match="user or password is wrong") as caught:
        make().create()
    assert not caught.value.retryable
    assert "s3cret" not in str(caught.value)
    monkeypatch.delenv("PGPASSWORD")
    with pytest.raises(Unauthenticated, match="set PGPASSWORD, or write it into"):
        make().create()


def test_the_password_may_be_in_a_pgpass_file(
    make: Make, server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"*:*:*:{server.user}:{server.password}\n")
    file.chmod(0o600)
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", str(file))
    make().create()


def test_a_service_file_says_the_rest(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "services"
    file.write_text(f"[work]\nuser={server.user}\ndbname={server.database}\nport={server.port}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    monkeypatch.delenv("PGUSER")
    settings = PostgresQueueSettings(service="work", host="127.0.0.1", schema="service")
    queue = PostgresQueue(settings)
    queue.create()
    queue.close()
    with pytest.raises(ConfigError, match="isn't in libpq's service file"):
        PostgresQueue(PostgresQueueSettings(service="play", host="127.0.0.1")).create()


def test_a_missing_database_is_named(make: Make) -> None:
    with pytest.raises(ConfigError, match="no such database"):
        make(database="nowhere").create()


def test_a_user_who_may_make_nothing_is_denied(
    make: Make, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin(server, f"CREATE ROLE guest LOGIN PASSWORD '{server.password}'")
    monkeypatch.setenv("PGUSER", "guest")
    with pytest.raises(PermissionDenied, match="may not do this"):
        make().create()


def test_rows_are_all_that_a_user_needs_once_the_tables_are_there(
    queue: PostgresQueue, make: Make, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = queue._sql.bell.removesuffix("_queue")
    admin(server, f"CREATE ROLE worker LOGIN PASSWORD '{server.password}'")
    admin(server, f"GRANT USAGE ON SCHEMA {schema} TO worker")
    admin(
        server, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO worker"
    )
    monkeypatch.setenv("PGUSER", "worker")
    theirs = make()
    theirs.send([wire(), wire(group="g"), wire(dedup_id="d")])
    found = theirs.receive(9, wait=1, lease=30)
    assert theirs.ack([message.receipt for message in found]) == [None] * 3
    theirs.purge()


def test_a_server_that_is_not_there_is_unavailable(make: Make, front: Front) -> None:
    front.close()
    with pytest.raises(Unavailable) as caught:
        make(front.port).create()
    assert caught.value.retryable
    assert not caught.value.ambiguous


@pytest.mark.parametrize("host", ["db.example.com", "10.0.0.7:5433", None])
def test_elsewhere_than_here_tls_is_checked(
    host: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment says."""
    monkeypatch.setenv("PGSSLMODE", "disable")
    monkeypatch.setenv("PGHOST", "db.example.com")
    said = conninfo(PostgresQueueSettings(host=host))
    assert "sslmode=verify-full sslrootcert=system" in said
    trusted = conninfo(PostgresQueueSettings(host=host, ca_bundle="/ca.pem"))
    assert "sslmode=verify-full sslrootcert=/ca.pem" in trusted
    assert "prefer" in conninfo(PostgresQueueSettings(host=host, allow_unencrypted=True))


@pytest.mark.parametrize("host", ["localhost:5433", "127.0.0.1", "[::1]:5433", "/run/postgresql"])
def test_on_this_machine_tls_may_be_missing(host: str) -> None:
    assert "sslmode=prefer" in conninfo(PostgresQueueSettings(host=host))


def test_a_certificate_is_checked_against_the_bundle(
    make: Make, server: PostgresServer, certificate: Path, tmp_path: Path
) -> None:
    front = Front(server.port, certificate=certificate)
    queue = make(front.port, ca_bundle=str(certificate))
    queue.create()
    with queue.native.connection() as connection:
        assert connection.pgconn.ssl_in_use
    other = make_certificate(tmp_path)
    with pytest.raises(ConfigError, match="set 'ca_bundle'"):
        make(front.port, ca_bundle=str(other)).create()
    with pytest.raises(ConfigError, match="another name than 'host'"):
        make(host=f"localhost:{front.port}", ca_bundle=str(certificate)).create()
    with pytest.raises(ConfigError, match="the server has no TLS"):
        make(ca_bundle=str(certificate)).create()
    front.close()


@pytest.mark.parametrize("group", [None, "g"])
def test_a_send_whose_answer_was_lost_can_be_sent_again(
    make: Make, front: Front, group: str | None
) -> None:
    queue = make(front.port)
    queue.create()
    messages = [wire(b"%d" % number, group=group, token=f"t{number}") for number in range(3)]
    front.lose = b"COMMIT" if group else b"INSERT"
    with pytest.raises(Unavailable) as caught:
        queue.send(messages)
    assert caught.value.ambiguous
    assert front.lost == 1
    ids = queue.send(messages)
    assert len(set(ids)) == 3
    stats = make().stats()
    assert (stats.visible or 0) + (stats.delayed or 0) == 3


def test_an_ack_whose_answer_was_lost_is_one_in_the_end(make: Make, front: Front) -> None:
    """Through the core, which sends it again."""
    settings = PostgresQueueSettings(
        host=f"127.0.0.1:{front.port}", database="postgres", schema="acks", name="jobs"
    )
    queue = portable.open_queue(
        f"postgres://{settings.host}/{settings.database}?name=jobs&schema=acks"
    )
    queue.send("hello")
    (message,) = queue.receive(wait=1)
    front.lose = b"DELETE"
    assert message.ack(strict=True)
    assert front.lost == 1
    assert queue.stats().leased == 0
    queue.close()


def test_a_session_that_the_server_ends_is_replaced(
    queue: PostgresQueue, server: PostgresServer
) -> None:
    queue.send([wire()])
    ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
    admin(server, f"{ours}'portable'")
    with pytest.raises(Unavailable) as caught:
        queue.stats()
    assert caught.value.retryable
    assert queue.stats().visible == 1


def test_a_receive_that_waits_survives_notices_for_others(make: Make, queue: PostgresQueue) -> None:
    other = make(name="other")
    other.create()
    stop = threading.Event()

    def chatter() -> None:
        while not stop.is_set():
            other.send([wire()])

    thread = threading.Thread(target=chatter)
    thread.start()
    try:
        begin = time.monotonic()
        assert queue.receive(1, wait=0.5, lease=1) == []
        assert 0.5 <= time.monotonic() - begin < 5
    finally:
        stop.set()
        thread.join()


def test_a_pooler_gets_neither_listen_nor_prepared_statements(
    make: Make, server: PostgresServer
) -> None:
    queue = make(pooler=True)
    queue.create()
    timer = threading.Timer(0.3, lambda: make(pooler=True).send([wire(b"late")]))
    timer.start()
    (message,) = queue.receive(1, wait=10, lease=30)
    timer.join()
    assert message.body == b"late"
    for _ in range(8):
        queue.stats()
    with queue.native.connection() as connection:
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pg_listening_channels()").fetchone() == (0,)


def test_connections_are_as_many_as_calls_at_once(
    queue: PostgresQueue, server: PostgresServer
) -> None:
    for _ in range(20):
        thread = threading.Thread(target=lambda: queue.send([wire()]))
        thread.start()
        thread.join()
    assert len(queue.native._idle) == 1


def test_a_forked_child_leaves_its_parents_connection_alone(queue: PostgresQueue) -> None:
    queue.send([wire(b"1")])
    child = os.fork()
    if child == 0:
        try:
            queue.send([wire(b"2")])
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    queue.send([wire(b"3")])
    assert queue.stats().visible == 3


def test_the_server_s_clock_decides(queue: PostgresQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.send([wire()])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    (message,) = queue.receive(1, wait=0, lease=30)
    assert message.sent_at is not None
    assert message.sent_at > 1_700_000_000
    assert queue.ack([message.receipt]) == [None]


def test_tables_of_another_layout_are_refused(make: Make, server: PostgresServer) -> None:
    make(schema="newer").create()
    admin(server, "UPDATE newer.layout SET version = 7")
    with pytest.raises(ConfigError, match="layout 7"):
        make(schema="newer", name="other").create()


def test_many_may_make_the_tables_at_once(make: Make) -> None:
    problems = []

    def create(number: int) -> None:
        try:
            make(name=f"queue-{number % 2}").create()
        except PortableError as error:
            problems.append(error)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"host": "a,b"}, "'host'"),
        ({"host": "user@a"}, "'host'"),
        ({"host": "a:port"}, "'host'"),
        ({"schema": "Robert'); --"}, "'schema'"),
        ({"connect_timeout": 0.0}, "'connect_timeout'"),
    ],
)
def test_settings_that_cannot_be_used_are_told(settings: dict[str, Any], problem: str) -> None:
    (found,) = PostgresQueueSettings(**settings).problems()
    assert problem in found


@pytest.mark.parametrize(
    ("code", "kind"),
    [("53300", Throttled), ("40P01", Unavailable), ("42501", PermissionDenied), ("99999", None)],
)
def test_codes_mean_their_row_or_their_class(code: str, kind: type[PortableError] | None) -> None:
    error = psycopg.errors.lookup(code)("said") if kind else psycopg.Error("said")
    assert type(meaning_of(error)) is (kind or PortableError)


def test_only_what_ends_a_connection_is_ambiguous() -> None:
    assert {code for code, row in BY_CODE.items() if row.ambiguous} == {"08", "57", "58"}
    assert not any(row.ambiguous for row in AT_CONNECT.values())
