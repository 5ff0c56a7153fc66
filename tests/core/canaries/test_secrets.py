"""Credentials and signatures appear nowhere but in the headers that carry them.

Canaries are put where credentials belong; then everything that users, logs and other processes
may see is searched for them.
"""

from __future__ import annotations

import io
import logging
import os
import pickle
from collections.abc import Callable, Iterator

import pytest

from portable.errors import PortableError
from portable.retry import Surroundings
from portable.storage import Bucket
from portable.testing.faults import Fault, FaultProxy, Request, error_answer
from portable.testing.servers import (
    S3Server,
    moto_server,
    running_with_bucket,
)
from portable_aws.settings import S3Settings
from portable_aws.storage import S3Storage

from .search import ACCESS_KEY, SECRET_KEY, TOKEN, Search

CARRIERS = frozenset({"authorization", "x-amz-security-token"})
BUCKET = "secrets"
CHECKS = 500


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with running_with_bucket(moto_server, BUCKET) as server:
        yield server


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged as a program sets it up: the root at INFO, `portable` at DEBUG."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root, ours = logging.getLogger(), logging.getLogger("portable")
    before = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    ours.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(before[0])
    ours.setLevel(before[1])


@pytest.fixture(autouse=True)
def _canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def _settings(proxy: FaultProxy) -> S3Settings:
    return S3Settings(
        bucket=BUCKET,
        endpoint=proxy.endpoint,
        region="us-east-1",
        attempts=2,
        deadline=6.0,
        read_timeout=0.5,
    )


def connect(settings: S3Settings) -> S3Storage:
    return S3Storage(settings)


class Connect:
    """How a bucket's driver is made; picklable."""

    def __init__(self, settings: S3Settings) -> None:
        self.settings = settings

    def __call__(self) -> S3Storage:
        return connect(self.settings)


@pytest.fixture
def bucket(proxy: FaultProxy) -> Iterator[Bucket]:
    settings = _settings(proxy)
    surroundings = Surroundings(sleep=lambda _: None)
    bucket = Bucket(Connect(settings), settings, provider="aws", surroundings=surroundings)
    bucket.put("a", b"x" * 5000)
    proxy.clear()
    yield bucket
    bucket.close()


def _write(bucket: Bucket) -> object:
    with bucket.open("written", "wb") as writer:
        writer.write(bytes(9 << 20))
    return writer.info


CALLS: dict[str, Callable[[Bucket], object]] = {
    "put": lambda bucket: bucket.put("p", b"data", metadata={"who": "me"}),
    "put if_absent": lambda bucket: bucket.put("q", b"data", if_absent=True),
    "put large": lambda bucket: bucket.put("large", bytes(9 << 20)),
    "open wb": _write,
    "get": lambda bucket: bucket.get("a"),
    "get range": lambda bucket: bucket.get("a", range=(1, 10)),
    "get_ranges": lambda bucket: bucket.get_ranges("a", [(1, 10), (20, 30)]),
    "open rb": lambda bucket: bucket.open("a").read(),
    "stat": lambda bucket: bucket.stat("a"),
    "list": lambda bucket: list(bucket.list()),
    "listdir": lambda bucket: bucket.listdir(),
    "copy": lambda bucket: bucket.copy("a", "b"),
    "delete": lambda bucket: bucket.delete("b"),
    "delete_many": lambda bucket: bucket.delete_many(["c", "d"]),
}
TROUBLE: dict[str, Fault] = {
    "lost": Fault("lost", times=None),
    "403": Fault("status", answer=error_answer(403, "AccessDenied", "no"), times=None),
    "signature": Fault(
        "status", answer=error_answer(403, "SignatureDoesNotMatch", "no"), times=None
    ),
    "500": Fault("status", answer=error_answer(500, "InternalError", "no"), times=None),
    "expired": Fault("status", answer=error_answer(400, "ExpiredToken", "no"), times=None),
    "stall": Fault("stall", seconds=1.0, times=None),
    "redirect": Fault("redirect", location="http://localhost:9/", times=None),
}


def _look_at_requests(search: Search, where: str, requests: list[Request]) -> None:
    for request in requests:
        search.look(f"{where} target", request.target)
        for name, value in request.headers:
            if name.lower() not in CARRIERS:
                search.look(f"{where} header {name}", value)
            elif name.lower() == "authorization":
                search.look(f"{where} header {name}", value)  # a signature, never the secret


def test_credentials_are_nowhere_but_in_their_headers(
    bucket: Bucket,
    proxy: FaultProxy,
    log: io.StringIO,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    """Every call, working and failing in seven ways; every object and error that comes of it."""
    search = Search()
    for name, call in CALLS.items():
        proxy.clear()
        search.look_at_object(f"{name} value", call(bucket))
        assert any(r.header("x-amz-security-token") == TOKEN for r in proxy.requests)
        _look_at_requests(search, name, proxy.requests)
        for kind, fault in TROUBLE.items():
            proxy.clear()
            proxy.add(fault)
            try:
                call(bucket)
            except PortableError as error:
                search.look_at_error(f"{name} {kind}", error)
            _look_at_requests(search, f"{name} {kind}", proxy.requests)
    proxy.clear()
    search.look_at_object("bucket", bucket)
    search.look_at_object("settings", bucket._connection.settings)
    search.look_at_object("driver", bucket._connection.driver)
    search.look_at_object("capabilities", bucket.capabilities)
    search.look("log", log.getvalue())
    printed = capsys.readouterr()
    search.look("stdout", printed.out)
    search.look("stderr", printed.err)
    assert search.hits == []
    assert search.checks >= CHECKS
    with capsys.disabled():
        print(f"\n{search.checks} places searched for credentials")


def test_a_signature_is_nowhere_but_in_its_url(
    bucket: Bucket, proxy: FaultProxy, log: io.StringIO
) -> None:
    """The URL itself is the secret: `repr` hides it, `str` gives it."""
    for method in ("GET", "PUT", "HEAD", "DELETE"):
        signed = bucket.sign("a", method=method)
        signature = signed.url.rpartition("X-Amz-Signature=")[2].partition("&")[0]
        assert len(signature) == 64
        search = Search([signature])
        assert signature in str(signed)
        search.look("repr", repr(signed))
        search.look("in a list", f"{[signed]}")
        search.look("in an f-string", f"{signed!r}")
        search.look("log", log.getvalue())
        proxy.add(Fault("lost", times=None))
        with pytest.raises(PortableError) as caught:
            bucket.get("a")
        search.look_at_error("error", caught.value)
        proxy.clear()
        assert search.hits == []


def test_an_error_about_a_signed_url_does_not_repeat_it(bucket: Bucket) -> None:
    """The wrong thing handed to the wrong call."""
    signed = bucket.sign("a")
    signature = signed.url.rpartition("X-Amz-Signature=")[2].partition("&")[0]
    for call in (
        lambda: bucket.sign("a", expires=signed),  # type: ignore[arg-type]
        lambda: bucket.put("k", signed),  # type: ignore[arg-type]
        lambda: bucket.get(signed),  # type: ignore[arg-type]
    ):
        with pytest.raises(PortableError) as caught:
            call()
        assert signature not in str(caught.value)
        assert signature not in repr(caught.value)


def test_portable_sets_up_no_logging() -> None:
    """Who sees what is the program's choice: no handler, no level."""
    names = [n for n in logging.root.manager.loggerDict if n.split(".")[0].startswith("portable")]
    for logger in map(logging.getLogger, names):
        assert all(isinstance(handler, logging.NullHandler) for handler in logger.handlers)
        assert logger.level == logging.NOTSET


def test_a_pickled_bucket_brings_no_credentials(bucket: Bucket) -> None:
    """The process that opens it finds its own."""
    bucket.get("a")
    pickled = pickle.dumps(bucket)
    for secret in (ACCESS_KEY, SECRET_KEY, TOKEN):
        assert secret.encode() not in pickled
    again = pickle.loads(pickled)
    assert again.get("a") == b"x" * 5000
    again.close()


def test_the_search_is_not_blind() -> None:
    """A canary in each kind of place is found."""
    search = Search()
    search.look("text", f"a {SECRET_KEY} b")
    search.look("bytes", TOKEN.encode())
    search.look("query", "token=canary-session-token%3D%3D")
    search.look_at_object("vars", S3Settings(bucket="b", prefix=SECRET_KEY))

    def leak(secret: str) -> None:
        raise PortableError(f"failed with {secret}")

    with pytest.raises(PortableError) as caught:
        leak(TOKEN)
    search.look_at_error("error", caught.value)
    assert len(search.hits) >= 8
