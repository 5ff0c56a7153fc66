"""`emulate`: the profile leads to the stand-ins, and so do the providers' own tools."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path

import boto3
import pytest
from azure.storage.blob import BlobServiceClient
from botocore.exceptions import ClientError
from google.cloud.storage import Client

import portable
from portable.config import state
from portable.errors import InvalidArgument, MissingDependency, Unauthenticated
from portable.testing import emulate
from portable.testing.emulators import (
    BUCKET,
    PROVIDERS,
    Emulated,
    Emulation,
    Provider,
    _emulation,
    started,
)
from portable.testing.servers import ServerUnavailable, required

IN_PARTS = bytes(9 * 2**20)


@contextmanager
def emulated(*providers: str) -> Iterator[Emulation]:
    with required(emulate(*providers)) as emulation:
        yield emulation


def _read_by_boto3(
    endpoint: str | None, key: str | None = None, secret: str | None = None
) -> bytes:
    s3 = boto3.session.Session().client(
        "s3", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret
    )
    return s3.get_object(Bucket=BUCKET, Key="cat")["Body"].read()


def _read_by_google() -> bytes:
    data: bytes = Client().bucket(BUCKET).blob("cat").download_as_bytes()
    return data


def _read_by_azure() -> bytes:
    said = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
    with BlobServiceClient.from_connection_string(said) as service:
        return service.get_blob_client(BUCKET, "cat").download_blob().readall()


def _read_by_spaces(endpoint: str) -> bytes:
    keys = os.environ["SPACES_ACCESS_KEY_ID"], os.environ["SPACES_SECRET_ACCESS_KEY"]
    return _read_by_boto3(endpoint, *keys)


def _jobs_by_kubernetes() -> list[str]:
    client, config = map(import_module, ("kubernetes.client", "kubernetes.config"))
    configured = client.Configuration()
    # Named: the client keeps what KUBECONFIG was when it was imported.
    config.load_kube_config(os.environ["KUBECONFIG"], client_configuration=configured)
    with client.ApiClient(configured) as api:
        found = client.BatchV1Api(api).list_namespaced_job("default").items
    return [each.metadata.name for each in found]


@pytest.mark.skipif(sys.platform != "linux", reason="FakeKubernetes needs Linux")
def test_every_provider_at_once() -> None:
    """By `portable` with the profile, by the SDKs with what their environment says."""
    readers: dict[str, Callable[[], bytes]] = {
        "aws": lambda: _read_by_boto3(None),
        "gcp": _read_by_google,
        "azure": _read_by_azure,
        "digitalocean": lambda: _read_by_spaces(servers["digitalocean"][0]),
    }
    assert {*readers, "kubernetes"} == set(PROVIDERS)
    with emulated(*PROVIDERS) as emulation:
        servers = {name: [*each.servers.values()] for name, each in emulation.providers.items()}
        for name in PROVIDERS:
            with portable.profile(name):
                portable.storage.put("cat", name.encode(), metadata={"of": name})
                portable.storage.put("in parts", IN_PARTS)
                assert portable.storage.get("in parts") == IN_PARTS
                assert portable.storage.sign("cat").url.startswith(servers[name][0])
        for name, read in readers.items():
            assert read() == name.encode()
            with portable.profile(name):
                queue = portable.open_queue()
                queue.send({"at": name})
                (message,) = queue.receive(wait=10)
                assert (message.body, message.ack()) == ({"at": name}, True)
                queue.close()
        assert _jobs_by_kubernetes() == []
        assert portable.storage.get("cat") == b"aws"  # the first one's


@pytest.mark.skipif(sys.platform != "linux", reason="fake machines need Linux")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_jobs_run_on_machines(provider: str) -> None:
    """Kept in the profile's storage; the machine is gone afterwards."""
    with emulated(provider):
        portable.storage.put("in/a", b"42")
        job = portable.compute.submit(
            "cat data/a > out", inputs={"data": "in"}, outputs={"out": "made"}, timeout=60
        )
        result = job.wait(60)
        assert (result.status, portable.storage.get("made")) == ("succeeded", b"42")
        assert portable.compute.reap() == []


@pytest.mark.skipif(sys.platform != "linux", reason="FakeKubernetes needs Linux")
def test_a_clusters_own_client_finds_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the kubeconfig of the environment, and not as a pod of another cluster."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with emulated("kubernetes"):
        job = portable.compute.submit("sleep 30", timeout=60)
        (name,) = _jobs_by_kubernetes()
        assert job.id in name
        job.cancel()
        assert job.wait(60).status == "cancelled"


def test_a_cluster_without_pods_is_no_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs would go to the user's own cluster."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ServerUnavailable, match="needs Linux"):
        started("kubernetes").__enter__()


def test_a_wrong_key_isnt_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated("aws"):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        with pytest.raises(Unauthenticated):
            portable.storage.put("cat", b"1")
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            _read_by_boto3(None)


def test_what_was_configured_before_is_there_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And counts for nothing in between."""
    monkeypatch.setenv("PORTABLE_STORAGE", "memory://mine")
    monkeypatch.setenv("PORTABLE_STORAGE_PREFIX", "team")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr(state, "_configured", state.Configured(storage="memory://code"))
    before, configured = dict(os.environ), state.configured()
    with emulate("gcp") as emulation:
        folder = emulation.file.parent
        assert portable.open_bucket().url == f"gs://{BUCKET}"
        assert not {"PORTABLE_STORAGE", "PORTABLE_STORAGE_PREFIX"} & set(os.environ)
    assert (dict(os.environ), state.configured()) == (before, configured)
    assert not folder.exists()


def test_the_files_have_no_secrets_and_are_ours_alone() -> None:
    with started("gcp") as emulation:
        table = tomllib.loads(emulation.file.read_text())
        assert table == {"default": "gcp", "gcp": dict(emulation.providers["gcp"].profile)}
        assert "BEGIN PRIVATE KEY" not in emulation.file.read_text() + repr(emulation)
        assert emulation.file.parent.stat().st_mode & 0o777 == 0o700


def test_two_emulations_side_by_side() -> None:
    """Each with objects of its own."""
    with started("gcp") as one, started("gcp") as other:
        for each in (one, other):
            where = each.providers["gcp"].profile["storage"]
            assert isinstance(where, dict)
            bucket = portable.open_bucket(f"gs://{BUCKET}?endpoint={where['endpoint']}")
            assert not bucket.exists("cat")
            bucket.put("cat", b"1")
            bucket.close()


@pytest.mark.parametrize(
    ("providers", "words"),
    [((), "name the providers"), (("aw",), "'aw'.*did you mean 'aws'"), (("memory",), "no stand")],
)
def test_providers_that_cant_be_emulated(providers: tuple[str, ...], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        emulate(*providers).__enter__()


Run = Callable[[Path], AbstractContextManager[Emulated]]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put providers into the registry."""

    def register(**runs: Run) -> None:
        made = {n: Provider(servers=n, extra="aws", run=run) for n, run in runs.items()}
        monkeypatch.setattr(_emulation, "PROVIDERS", made)

    return register


class _Counted:
    """Stand-ins that count themselves."""

    def __init__(self) -> None:
        self.running = 0
        self.entered = threading.Event()
        self.left = threading.Event()

    @contextmanager
    def run(self, _folder: Path) -> Iterator[Emulated]:
        self.running += 1
        self.entered.set()
        try:
            yield Emulated(servers={}, profile={"provider": "memory"}, environment={})
        finally:
            self.running -= 1
            self.left.set()


def test_one_that_cant_be_had_stops_the_others(registered: Callable[..., None]) -> None:
    other = _Counted()

    @contextmanager
    def fail(_folder: Path) -> Iterator[Emulated]:
        assert other.entered.wait(10)
        raise ServerUnavailable("no network")
        yield

    registered(bad=fail, good=other.run)
    with pytest.raises(ServerUnavailable, match="no network"):
        emulate("good", "bad").__enter__()
    assert (other.entered.is_set(), other.running) == (True, 0)


def test_they_start_side_by_side(registered: Callable[..., None]) -> None:
    together = threading.Barrier(2, timeout=10)

    @contextmanager
    def run(_folder: Path) -> Iterator[Emulated]:
        together.wait()  # broken after 10 s, when the other one isn't there
        yield Emulated(servers={}, profile={"provider": "memory"}, environment={})

    registered(one=run, two=run)
    with emulate("one", "two") as emulation:
        assert list(emulation.providers) == ["one", "two"]


def test_interrupted_while_one_starts(
    registered: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It isn't waited for, and stops when it has started."""
    slow, begun, go_on = _Counted(), threading.Event(), threading.Event()

    @contextmanager
    def run(folder: Path) -> Iterator[Emulated]:
        begun.set()
        assert go_on.wait(10)
        with slow.run(folder) as emulated:
            yield emulated

    def interrupt(_thread: threading.Thread) -> None:
        assert begun.wait(10)
        raise KeyboardInterrupt

    registered(slow=run)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "join", interrupt)
        with pytest.raises(KeyboardInterrupt):
            emulate("slow").__enter__()
    assert not slow.entered.is_set()
    go_on.set()
    assert slow.left.wait(10)
    assert slow.running == 0


def test_a_missing_sdk_is_named_with_the_command(registered: Callable[..., None]) -> None:
    @contextmanager
    def run(_folder: Path) -> Iterator[Emulated]:
        import portable_no_such_sdk  # type: ignore[import-not-found]  # noqa: F401

        yield Emulated(servers={}, profile={}, environment={})

    registered(other=run)
    with pytest.raises(MissingDependency, match=r"pip install 'portable-cloud\[aws,testing\]'"):
        emulate("other").__enter__()


@pytest.mark.parametrize("module", ["kubernetes", "google.auth"])
def test_a_cluster_starts_only_where_jobs_can_reach_it(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in itself needs no SDK; without one each job would fail."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        MissingDependency,
        match=rf"needs '{module}', .*pip install 'portable-cloud\[kubernetes,gcp,testing\]'",
    ):
        emulate("kubernetes").__enter__()


def test_a_stand_in_needs_no_sdk_of_another_provider() -> None:
    """With the SDKs of one provider installed, which is what the README tells people to do."""
    script = """
import sys

sys.modules |= dict.fromkeys(("azure", "google", "kubernetes"))
from portable.errors import MissingDependency
from portable.testing.emulators import _aws, _digitalocean, started

try:
    started("azure").__enter__()
except MissingDependency as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "pip install 'portable-cloud[azure,testing]'" in ran.stdout
