"""What the driver makes of a dashboard's answers, and of its settings; no cluster."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portable.compute.driver import Launch
from portable.compute.needs import Needs
from portable.errors import (
    InvalidArgument,
    PermissionDenied,
    PortableError,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable.testing.fakes.rest import Call, Refused, Reply, RestFake
from portable_ray.compute import RayCompute
from portable_ray.settings import RaySettings

AGENT = "RuntimeError: Request failed with status code 400: Traceback …\nValueError: {}\n"


class FakeDashboard(RestFake):
    """The Jobs API, without jobs that run."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.tokens: list[str | None] = []
        self.stops = True
        self.refusal: tuple[int, str] | None = None
        self.route("POST", "/api/jobs/", self._submit)
        self.route("GET", "/api/jobs/{id}", self._get)
        self.route("POST", "/api/jobs/{id}/stop", self._stop)

    def _submit(self, call: Call) -> Reply:
        self.tokens.append(call.request.headers.get("authorization"))
        if self.refusal is not None:
            raise Refused(*self.refusal)
        id = call.body["submission_id"]
        if id in self.jobs:
            words = (
                f"Job with submission_id {id} already exists. Please use a different submission_id."
            )
            raise Refused(500, AGENT.format(words))
        self.jobs[id] = {
            "type": "SUBMISSION",
            "status": "PENDING",
            "start_time": 1_700_000_000_000,
            **call.body,
        }
        return Reply({"submission_id": id})

    def _get(self, call: Call) -> Reply:
        if call.names["id"] not in self.jobs:
            raise Refused(404, "it does not exist")
        return Reply(self.jobs[call.names["id"]])

    def _stop(self, call: Call) -> Reply:
        return Reply({"stopped": self.stops})


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def dashboard() -> Iterator[FakeDashboard]:
    with FakeDashboard() as server:
        yield server


@pytest.fixture
def driver(dashboard: FakeDashboard) -> Iterator[RayCompute]:
    driver = RayCompute(RaySettings(address=dashboard.endpoint))
    yield driver
    driver.close()


def wanted(**needs: Any) -> Launch:
    return Launch(
        name=f"pt-{uuid.uuid4().hex[:12]}",
        token=str(uuid.uuid4()),
        needs=Needs(**needs),
        boot="#!/bin/sh\ntrue\n",
        tags={"portable": "1"},
        lifetime=60,
    )


def test_needs_are_asked_of_ray_in_its_words(dashboard: FakeDashboard, driver: RayCompute) -> None:
    driver.launch(wanted(cpus=0.5, memory_gib=2, gpus=2, gpu="A100-80GB"))
    (job,) = dashboard.jobs.values()
    asked = {name: value for name, value in job.items() if name.startswith("entrypoint_")}
    assert asked == {
        "entrypoint_num_cpus": 0.5,
        "entrypoint_num_gpus": 2,
        "entrypoint_memory": 2 * 1024**3,
        "entrypoint_resources": {"accelerator_type:A100-80G": 0.001},
    }
    with pytest.raises(Unsupported, match="disk_gib"):
        driver.launch(wanted(disk_gib=10))


def test_same_submission_again_is_the_job_that_there_is(
    dashboard: FakeDashboard, driver: RayCompute
) -> None:
    """Though Ray calls it a failure of its own. Another token, of another storage's job, is another."""
    job = wanted()
    first = driver.launch(job)
    assert driver.launch(job) == first
    assert (first.name, first.tags) == (job.name, job.tags)
    other = driver.launch(replace(job, token=str(uuid.uuid4())))
    assert (other.name, other.id == first.id) == (job.name, False)
    assert len(dashboard.jobs) == 2


@pytest.mark.parametrize(
    ("status", "kind", "ambiguous"),
    [
        (400, InvalidArgument, False),
        (401, Unauthenticated, False),
        (403, PermissionDenied, False),
        (429, Throttled, False),
        (500, Unavailable, True),
    ],
)
def test_refusals(
    status: int,
    kind: type[PortableError],
    ambiguous: bool,
    dashboard: FakeDashboard,
    driver: RayCompute,
) -> None:
    """What may have been carried out says so."""
    dashboard.refusal = (status, "Traceback\nValueError: bad words")
    with pytest.raises(kind, match="bad words") as caught:
        driver.launch(wanted())
    assert caught.value.ambiguous is ambiguous


def test_token_is_read_where_ray_reads_it(
    dashboard: FakeDashboard, driver: RayCompute, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    driver.launch(wanted())
    (tmp_path / "token").write_text("from-a-file\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    driver.launch(wanted())
    monkeypatch.setenv("RAY_AUTH_TOKEN", "from-a-variable")
    driver.launch(wanted())
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    driver.launch(wanted())
    assert dashboard.tokens == [None, "Bearer from-a-file", "Bearer from-a-variable", None]
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "two words")
    with pytest.raises(Unauthenticated, match="blank"):
        driver.launch(wanted())


def test_job_that_cant_be_stopped_yet_is_stopped_later(
    dashboard: FakeDashboard, driver: RayCompute
) -> None:
    """Ray answers that nothing was stopped while its own part of a job isn't there."""
    job = driver.launch(wanted())
    dashboard.stops = False
    with pytest.raises(Unavailable) as caught:
        driver.terminate(job.id)
    assert caught.value.retryable
    dashboard.stops = True
    driver.terminate(job.id)
    told = driver.get(job.id)
    assert told is not None
    assert (told.state, told.raw_state) == ("terminating", "PENDING")
    dashboard.jobs[job.id]["status"] = "SUCCEEDED"
    dashboard.stops = False
    driver.terminate(job.id)
    told = driver.get(job.id)
    assert told is not None
    assert (told.state, told.bills) == ("terminated", False)


def test_addresses() -> None:
    """Unencrypted on this machine alone."""
    assert RaySettings().server is None
    assert RaySettings(address="127.0.0.1:8265").server == "http://127.0.0.1:8265"
    assert RaySettings(address="https://ray.example.com/").server == "https://ray.example.com"
    assert RaySettings(address="ray.example.com:8265").server == "https://ray.example.com:8265"
    (problem,) = RaySettings(address="http://ray.example.com:8265").problems()
    assert "plain http" in problem
    assert RaySettings(address="http://10.0.0.5:8265", allow_http=True).problems() == []
    (problem,) = RaySettings(tasks="http://head:8265").problems()
    assert "ray://head:10001" in problem


def test_map_is_by_tasks_where_they_can_be_reached() -> None:
    """Else it is an array of jobs."""
    for settings, maps in (
        (RaySettings(), True),
        (RaySettings(address="127.0.0.1:8265"), False),
        (RaySettings(address="127.0.0.1:8265", tasks="ray://127.0.0.1:10001"), True),
    ):
        assert RayCompute(settings).capabilities.maps is maps
