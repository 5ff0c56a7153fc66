"""What no checksum covers is guarded by TLS: flipped bits never come through.

There is no digest of a range, a listing, an answer's headers or the XML of a commit. Over https,
which every endpoint beyond this machine must use, a changed byte breaks the connection instead.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from portable.errors import PortableError, Unavailable
from tests.tls import TlsServer, make_certificate

from .operations import OPERATIONS
from .running import Call
from .scenes import Scene
from .stage import Stage
from .targets import TARGETS, alone, each_target

FLIPS = 8
TRIED = (
    "get range",
    "get_ranges",
    "stat",
    "list 3 pages",
    "put small",
    "put small if_absent",
    "put small if_match",
    "copy",
    "delete",
    "delete_many",
)
TRIED_ELSEWHERE = ("get range", "list 3 pages", "put small")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, with its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


def _each_with_bundle() -> list[Any]:
    return [each for each in each_target() if str(each.values[0]).endswith("sdk")]


@pytest.fixture
def tls(stage: Stage, certificate: Path) -> Iterator[TlsServer]:
    tls = TlsServer(stage.store.port, certificate)
    yield tls
    tls.close()


@pytest.fixture
def plain() -> Iterator[int]:
    """The port of a server that answers whatever comes in HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    with listener.accept()[0] as client:
                        client.recv(65536)
                        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _settings(tls: TlsServer, certificate: Path) -> dict[str, Any]:
    endpoint = f"https://127.0.0.1:{tls.port}"
    return {"endpoint": endpoint, "ca_bundle": str(certificate), "read_timeout": 0.5}


def _cases() -> list[Any]:
    """Those with a `ca_bundle`, with which the fast engine leaves all to the SDK's."""
    return [
        pytest.param(dialect.name, name, id=f"{dialect.name}-{name}", marks=alone(dialect))
        for dialect in TARGETS.values()
        for name in (TRIED if dialect.whole else TRIED_ELSEWHERE)
        if dialect.name.endswith("sdk")
    ]


@pytest.mark.parametrize(("target", "name"), _cases())
def test_a_bit_that_flips_on_the_wire_never_comes_through(
    stage: Stage, tls: TlsServer, certificate: Path, name: str
) -> None:
    """At several places of the handshake and the answer."""
    operation = OPERATIONS[name]
    settings: dict[str, Any] = _settings(tls, certificate)
    problems: list[str] = []
    whole, tried = 0, range(1)
    for turn in range(FLIPS + 1):
        with stage.bucket(operation.when(), **settings) as bucket:
            scene = Scene(stage, bucket, f"tls/{operation.name}/{turn}/".replace(" ", "-"))
            operation.prepare(scene)
            tls.sent = 0
            tls.flip_at = tried[turn - 1] if turn else None
            call = Call(operation, scene)
            assert call.finishes(30), call.stack
            problem = operation.check(scene, call.value, call.error)
            stage.store.drop(scene.prefix)
        if turn == 0:
            assert call.error is None, call.error
            whole = tls.sent
            tried = range(0, whole, max(1, whole // FLIPS))
        if problem or (call.error and not isinstance(call.error, PortableError)):
            problems.append(f"byte {tls.flip_at}: {problem} {call.error!r}")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("target", _each_with_bundle())
def test_a_flip_after_the_handshake_is_got_over(
    stage: Stage, tls: TlsServer, certificate: Path
) -> None:
    """It is a connection that broke, not a server that can't be trusted."""
    stage.keep("kept/small", OPERATIONS["get small"].other)
    expected = stage.store.content("kept/small")
    settings: dict[str, Any] = _settings(tls, certificate)
    with stage.bucket(**settings) as bucket:
        bucket.stat("kept/small")
        tls.flip_at = tls.sent + 40
        assert bucket.get("kept/small") == expected
        tls.flip_at = tls.sent + 15_000
        assert bucket.get("kept/small") == expected
    stage.forget("kept/small")


@pytest.mark.parametrize("target", _each_with_bundle())
def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(
    stage: Stage, tls: TlsServer
) -> None:
    """And the error says what to set."""
    with stage.bucket(endpoint=f"https://127.0.0.1:{tls.port}") as bucket:
        with pytest.raises(Unavailable, match="ca_bundle") as caught:
            bucket.get("anything")
    assert not caught.value.retryable
    assert not caught.value.ambiguous


@pytest.mark.parametrize("target", _each_with_bundle())
def test_a_server_without_tls_is_refused_at_once(stage: Stage, plain: int) -> None:
    """Nothing was sent, and trying again would not help."""
    with stage.bucket(endpoint=f"https://127.0.0.1:{plain}") as bucket:
        with pytest.raises(Unavailable, match="TLS") as caught:
            bucket.get("anything")
    assert not caught.value.retryable
