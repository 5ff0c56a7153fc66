"""Fixtures for tests that use `portable`; a pytest plugin that is there once it is installed.

Nothing but pytest is imported before a fixture is used.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from portable.compute import Compute
    from portable.queue import Queue
    from portable.storage import Bucket
    from portable.testing.servers import AzuriteServer
    from portable_memory.clock import Clock

pytest.register_assert_rewrite(
    "portable.testing.compute",
    "portable.testing.conformance",
    "portable.testing.queues",
    "portable.testing.stateful",
)

PROVIDERS = ("memory", "local", "aws", "gcp", "azure", "digitalocean")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--portable-storage`` and ``--portable-outcomes``."""
    group = parser.getgroup("portable")
    group.addoption(
        "--portable-outcomes",
        action="store_true",
        help="print how the jobs of `ComputeConformance` ended, case by case",
    )
    group.addoption(
        "--portable-storage",
        default="memory",
        metavar="PROVIDERS",
        help=f"providers that `portable_bucket` runs each test with, of {', '.join(PROVIDERS)}; "
        f"comma-separated (default: memory)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers of the conformance suite."""
    config.addinivalue_line(
        "markers", "portable_quirk(name): a case that a stand-in server with this fault fails"
    )
    config.addinivalue_line(
        "markers", "portable_slow: a case that runs below a prefix only, not at the root as well"
    )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print how jobs ended, where that is asked for."""
    if not config.getoption("--portable-outcomes"):
        return
    told: dict[str, list[str]] = {}
    for report in [each for found in terminalreporter.stats.values() for each in found]:
        for name, outcomes in getattr(report, "user_properties", ()):
            if name == "portable outcomes" and outcomes:
                told[report.nodeid.partition("::")[2]] = outcomes
    terminalreporter.section("how jobs ended; each has no machine left")
    for case, outcomes in sorted(told.items()):
        terminalreporter.write_line(f"| {case} | {'; '.join(outcomes)} |")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests with `portable_bucket` once for each provider asked for."""
    if "_portable_provider" not in metafunc.fixturenames:
        return
    asked = [name.strip() for name in metafunc.config.getoption("--portable-storage").split(",")]
    unknown = set(asked) - set(PROVIDERS)
    if unknown:
        raise pytest.UsageError(
            f"--portable-storage: no provider {sorted(unknown)}; known: {', '.join(PROVIDERS)}"
        )
    metafunc.parametrize("_portable_provider", asked, indirect=True)


@pytest.fixture
def portable_memory_bucket() -> Iterator[Bucket]:
    """An empty bucket in memory; the objects are gone after the test."""
    from portable.testing.targets.memory import forget, open_memory_bucket

    name = uuid.uuid4().hex
    bucket = open_memory_bucket(name)
    yield bucket
    bucket.close()
    forget(name)


@pytest.fixture
def portable_local_bucket(tmp_path: Path) -> Iterator[Bucket]:
    """An empty bucket in a folder of the test's own."""
    from portable.testing.targets.local import open_local_bucket

    bucket = open_local_bucket(tmp_path / "portable-bucket", durability="fast")
    yield bucket
    bucket.close()


@pytest.fixture
def portable_aws_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket of the aws provider, served by moto in this process."""
    pytest.importorskip(
        "moto", reason="moto isn't installed: pip install 'portable-cloud[testing]'"
    )
    pytest.importorskip("boto3", reason="boto3 isn't installed: pip install 'portable-cloud[aws]'")
    from portable.testing.targets.s3 import open_s3_bucket

    with _moto(monkeypatch) as make_bucket:
        name = f"portable-{uuid.uuid4().hex[:12]}"
        make_bucket(name)
        bucket = open_s3_bucket(name, region="us-east-1")
        yield bucket
        bucket.close()


@pytest.fixture
def portable_gcp_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket of the gcp provider, served by a fake in this process."""
    pytest.importorskip(
        "google.auth", reason="google-auth isn't installed: pip install 'portable-cloud[gcp]'"
    )
    from portable.testing.fakes.gcs import FakeGcs
    from portable.testing.targets.gcs import isolate, open_gcs_bucket

    isolate(monkeypatch)
    with FakeGcs() as server:
        name = f"portable-{uuid.uuid4().hex[:12]}"
        server.make_bucket(name)
        bucket = open_gcs_bucket(name, endpoint=server.endpoint)
        yield bucket
        bucket.close()


@pytest.fixture(scope="session")
def _portable_azurite() -> Iterator[AzuriteServer]:
    from portable.testing.servers import ServerUnavailable, azurite, skip_or_fail

    with ExitStack() as stack:
        try:
            server = stack.enter_context(azurite())
        except ServerUnavailable as error:
            skip_or_fail(error)
        yield server


@pytest.fixture
def portable_azure_bucket(
    _portable_azurite: AzuriteServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bucket]:
    """An empty bucket of the azure provider, served by Azurite; the first takes a few seconds."""
    pytest.importorskip(
        "azure.storage.blob",
        reason="azure-storage-blob isn't installed: pip install 'portable-cloud[azure]'",
    )
    from portable.testing.servers import make_container
    from portable.testing.targets.azure import isolate, open_azure_bucket

    isolate(monkeypatch, _portable_azurite)
    name = f"portable-{uuid.uuid4().hex[:12]}"
    make_container(_portable_azurite, name)
    bucket = open_azure_bucket(name, endpoint=_portable_azurite.endpoint)
    yield bucket
    bucket.close()


@pytest.fixture
def portable_digitalocean_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket of the digitalocean provider, served by moto in this process."""
    pytest.importorskip(
        "moto", reason="moto isn't installed: pip install 'portable-cloud[testing]'"
    )
    pytest.importorskip(
        "boto3", reason="boto3 isn't installed: pip install 'portable-cloud[digitalocean]'"
    )
    from portable.testing.targets.spaces import isolate, open_spaces_bucket

    with monkeypatch.context() as patch, _moto(patch) as make_bucket:
        isolate(patch, "testing", "testing")
        name = f"portable-{uuid.uuid4().hex[:12]}"
        make_bucket(name)
        # moto answers for Amazon's hosts only.
        bucket = open_spaces_bucket(
            name, endpoint="https://s3.us-east-1.amazonaws.com", conditional_writes=True
        )
        yield bucket
        bucket.close()


@pytest.fixture
def _portable_provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def portable_bucket(_portable_provider: str, request: pytest.FixtureRequest) -> Bucket:
    """An empty bucket of each provider that ``--portable-storage`` names."""
    bucket: Bucket = request.getfixturevalue(f"portable_{_portable_provider}_bucket")
    return bucket


@pytest.fixture
def portable_storage() -> Iterator[str]:
    """Make `portable.storage` an empty bucket in memory for one test; the value is its URL."""
    import portable
    from portable.config import state
    from portable.testing.targets.memory import forget

    name = uuid.uuid4().hex
    before = state.configured()
    portable.configure(storage=f"memory://{name}")
    yield f"memory://{name}"
    state.replace(before)
    forget(name)


@contextmanager
def _moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], object]]:
    """Run moto in this process, apart from the machine's own AWS settings."""
    import boto3
    from moto import mock_aws

    from portable.testing.targets.s3 import isolate

    with mock_aws():
        isolate(monkeypatch)
        client = boto3.session.Session().client("s3", region_name="us-east-1")
        yield lambda name: client.create_bucket(Bucket=name)
        client.close()


@pytest.fixture
def portable_queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """An empty queue in memory, which `portable.queue` works on during the test."""
    from portable.testing.targets.memory_queue import open_memory_queue

    queue = open_memory_queue(f"q{uuid.uuid4().hex[:16]}")
    monkeypatch.setenv("PORTABLE_QUEUE", queue.url)
    yield queue
    dead = queue.dead_letters
    for each in (queue, dead):
        if each is not None:
            each.delete()
    queue.close()


@pytest.fixture
def portable_compute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compute]:
    """This machine, in folders of the test's own, which `portable.compute` runs jobs on then.

    What is still running is ended after the test. Inputs and outputs are in the folder's own
    storage, which is `portable.storage` during the test.
    """
    import portable
    from portable.testing.targets.local_compute import end_machines

    jobs, objects = tmp_path / "portable-jobs", tmp_path / "portable-objects"
    monkeypatch.setenv("PORTABLE_COMPUTE", jobs.as_uri().replace("file:", "process:", 1))
    monkeypatch.setenv("PORTABLE_STORAGE", objects.as_uri())
    compute = portable.open_compute()
    yield compute
    end_machines(compute)
    compute.close()


@pytest.fixture
def portable_clock() -> Clock:
    """The clock of queues in memory: `advance(seconds)` lets delays and leases end at once."""
    from portable_memory.clock import CLOCK

    return CLOCK
