"""Jobs on Droplets, kept in Spaces' stand-in, end to end: what is left is destroyed, not only off."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portable.compute.compute import Compute
from portable.storage import Bucket
from portable.testing.fakes.droplets import FakeDroplets
from portable.testing.fakes.rest import RestFault
from portable.testing.targets.droplets import open_droplets

FAST = {"heartbeat": 0.3, "boot": 60.0}


@pytest.fixture
def compute(
    server: FakeDroplets, storage: Callable[[], Bucket], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Compute]:
    from portable.compute import site

    monkeypatch.setattr(site, "GRACE_SECONDS", 1.0)
    compute = open_droplets(server, storage, **FAST)
    yield compute
    compute.close()


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_off(server: FakeDroplets) -> bool:
    return [each.status for each in server.droplets] == ["off"]


def test_droplet_is_destroyed_when_its_job_has_ended(
    server: FakeDroplets, compute: Compute
) -> None:
    """It switches itself off, which ends nothing there; who waits destroys it."""
    job = compute.submit("echo on $PORTABLE_TASK_INDEX; exit 3")
    until(lambda: is_off(server))  # and is billed
    result = job.wait(30)
    assert (result.status, result.exit_code) == ("failed", 3)
    assert list(job.logs()) == ["on 0"]
    assert server.droplets == []


def test_droplet_that_is_off_is_reaped(
    server: FakeDroplets, compute: Compute, storage: Callable[[], Bucket]
) -> None:
    """Its client has vanished; another one finds it by its tags, and a dry run ends nothing."""
    compute.submit("true")
    until(lambda: is_off(server))
    other = open_droplets(server, storage, **FAST)
    other.reap()
    assert is_off(server)
    other.reap(dry_run=False)
    until(lambda: server.droplets == [])
    other.close()


def test_job_whose_droplet_crashed_runs_again(
    server: FakeDroplets, compute: Compute, tmp_path: Path
) -> None:
    """What crashed is off, and costs; it is destroyed before the next one begins."""
    first = tmp_path / "first"
    job = compute.submit(f"test -e {first} || {{ touch {first}; sleep 60; }}", retries=1)
    until(first.exists)
    server.crash(str(server.droplets[0].id))
    result = job.wait(40)
    assert (result.status, result.attempts) == ("succeeded", 2)
    assert server.droplets == []


def test_fault_of_the_destruction_leaves_nothing(server: FakeDroplets, compute: Compute) -> None:
    """An event that is under way, an answer that is lost, a server that is down: it is asked again."""
    server.state.busy = 1
    server.add(RestFault(method="DELETE", kind="lost"))
    server.add(RestFault(method="DELETE", kind="cut"))
    assert compute.submit("true").wait(40).status == "succeeded"
    until(lambda: server.droplets == [])


def test_machine_of_a_job_knows_no_secret_but_its_url(
    server: FakeDroplets, compute: Compute
) -> None:
    """User data is shown to whoever may look at the Droplet, and to all that runs on it."""
    job = compute.submit("sleep 30", env={"TOKEN": "hush-hush"})
    (machine,) = server.droplets
    asked = json.dumps(machine.asked)
    assert "hush-hush" not in asked
    assert "dop_v1" not in asked
    assert len(machine.asked["user_data"]) < 2048
    assert f"portable-job:{job.id}" in machine.tags
    job.cancel()
    assert job.wait(30).status == "cancelled"
    assert server.droplets == []


def test_official_client_sees_the_same(server: FakeDroplets, compute: Compute) -> None:
    """Where it is installed."""
    pydo = pytest.importorskip("pydo")
    policies = pytest.importorskip("azure.core.pipeline.policies")

    class Lets(policies.SansIOHTTPPolicy):  # type: ignore[name-defined, misc]
        """Its own sends no token over plain http."""

        def on_request(self, request: object) -> None:
            request.http_request.headers["Authorization"] = f"Bearer {server.token}"  # type: ignore[attr-defined]

    client = pydo.Client(server.token, endpoint=server.endpoint, authentication_policy=Lets())
    job = compute.submit("sleep 30")
    (found,) = client.droplets.list(tag_name=f"portable-job:{job.id}")["droplets"]
    assert client.droplets.get(droplet_id=found["id"])["droplet"]["size_slug"] == found["size_slug"]
    client.droplets.destroy(droplet_id=found["id"])
    assert server.droplets == []


def test_fake_answers_in_pages_to_whoever_has_the_token(server: FakeDroplets) -> None:
    """Without the driver."""

    def ask(path: str, token: str) -> object:
        headers = {"Authorization": f"Bearer {token}"}
        with urllib.request.urlopen(
            urllib.request.Request(server.endpoint + path, headers=headers)
        ) as answer:
            return json.load(answer)

    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask("/v2/sizes", "dop_v1_wrong")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask("/v2/nowhere", server.token)
    page: object = ask("/v2/sizes?per_page=2", server.token)
    assert isinstance(page, dict)
    assert len(page["sizes"]) == 2
    assert "page=2" in page["links"]["pages"]["next"]
