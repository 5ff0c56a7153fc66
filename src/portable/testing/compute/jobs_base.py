"""What cases about jobs are given: a place with jobs, and ways to wait for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from portable.compute import Compute, Job, verdicts
from portable.compute.types import InstanceInfo, JobResult
from portable.errors import PortableError
from portable.storage import Bucket
from portable.testing.compute.base import ComputeCases, Place
from portable.testing.compute.harness import ComputeHarness
from portable.testing.faults import FaultProxy

WAIT_SECONDS = 45.0
OUTCOMES = "portable outcomes"  # a property of a test's report: how its jobs ended
STAYS = "while :; do sleep 0.1; done"


class Jobs(Place):
    """The place under test, with its jobs."""

    def __init__(self, harness: ComputeHarness, folder: Path) -> None:
        super().__init__(harness, folder)
        assert harness.open_compute is not None
        assert harness.storage is not None
        self.open_compute: Callable[..., Compute] = harness.open_compute
        self.bucket: Bucket = harness.storage
        self.compute = self.open_compute(heartbeat=0.3, boot=60.0)
        self.outcomes: list[str] = []
        self._jobs: list[Job] = []

    def faults(self) -> FaultProxy:
        """What can disturb requests to storage; the case is skipped where nothing can."""
        if self.harness.proxy is None:
            pytest.skip("the harness has no 'proxy'")
        return self.harness.proxy

    def submit(self, command: Any, **asked: Any) -> Job:
        """Submit a small job."""
        job = self.compute.submit(command, **{"cpus": 0.5, "timeout": 120, **asked})
        self._jobs.append(job)
        return job

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """In the block, a machine is given up soon once it is silent, as a busy one may be, too."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(verdicts, "SILENT_SECONDS", 3.0)
            yield

    @contextmanager
    def refused(
        self, kind: type[PortableError], job: str
    ) -> Iterator[pytest.ExceptionInfo[PortableError]]:
        """In the block, *job* is refused so, and has no machine afterwards."""
        with pytest.raises(kind) as caught:
            yield caught
        self.no_machine(job)
        assert job not in [each.id for each in self.compute.jobs(active=True)]
        self.outcomes.append(f"{kind.__name__}, no job")

    def ends(self, job: Job) -> JobResult:
        """Wait until a job has ended, and its machines are gone."""
        result = job.wait(WAIT_SECONDS)
        self.no_machine(job.id)
        self.outcomes.append(_told(result))
        return result

    def machine(self, job: Job, but: str = "") -> InstanceInfo:
        """The one machine that a job has; another one than *but*."""
        found: list[InstanceInfo] = []

        def there() -> bool:
            found[:] = [each for each in self.machines(job.id) if each.id != but]
            return len(found) == 1

        self.until(there, lambda: f"{job} has {found}")
        return found[0]

    def machines(self, job: str) -> list[InstanceInfo]:
        """The machines that a job has now."""
        listed = self.driver.list({"portable-job": job})
        return [each for each in listed if each.state != "terminated"]

    def no_machine(self, job: str) -> None:
        """Wait until a job has no machine, for the provider and in fact."""
        seen = [each.id for each in self.driver.list({"portable-job": job})]
        self.until(lambda: not self.machines(job), lambda: f"left: {self.machines(job)}")
        for id in seen:
            self.until(lambda: not self.harness.oracle.alive(id), lambda: f"{id} runs")  # noqa: B023

    def close(self) -> None:
        """End jobs that haven't ended, and what is left of them."""
        for job in self._jobs:
            for each in self.machines(job.id):
                self.driver.terminate(each.id)
        self.compute.close()
        super().close()


class JobCaseFixtures(ComputeCases):
    """Fixtures of every topic about jobs."""

    @pytest.fixture
    def jobs(
        self,
        harness: ComputeHarness,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        record_property: Callable[[str, object], None],
    ) -> Iterator[Jobs]:
        """The place under test, with its jobs."""
        if harness.open_compute is None:
            pytest.skip("the harness has no 'open_compute': only the driver is looked at")
        from portable.compute import site

        monkeypatch.setattr(site, "GRACE_SECONDS", 1.0)
        monkeypatch.setattr(site, "GRACE_LOCAL_SECONDS", 1.0)
        monkeypatch.chdir(tmp_path)  # words of a command that name files are sent along
        jobs = Jobs(harness, tmp_path)
        yield jobs
        jobs.close()
        record_property(OUTCOMES, jobs.outcomes)


def _told(result: JobResult) -> str:
    code = "" if result.exit_code is None else f", exit code {result.exit_code}"
    attempts = "" if result.attempts == 1 else f", attempt {result.attempts}"
    return f"{result.status}, {result.reason}{code}{attempts}"


def elapsed(since: float) -> float:
    """Seconds since then."""
    return time.monotonic() - since
