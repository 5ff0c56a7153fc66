"""Nothing is paid for by oversight: refused, repeated and broken-off submits, and `reap`."""

from __future__ import annotations

import time
import uuid

import pytest

from portable.compute.driver import ComputeDriver, Launch
from portable.compute.types import InstanceInfo
from portable.errors import AlreadyExists, NoCapacity, QuotaExceeded
from portable.testing.compute.around import ComputeDriverAround, around
from portable.testing.compute.base import possible
from portable.testing.compute.jobs_base import JobCaseFixtures, Jobs


class Killed(BaseException):
    """The client's process ends here."""


class DiesLaunching(ComputeDriverAround):
    """Ends its client once, before or after a launch."""

    def __init__(self, inner: ComputeDriver, *, after: bool) -> None:
        super().__init__(inner)
        self._after = after

    def launch(self, wanted: Launch) -> InstanceInfo:
        if self._after:
            self.inner.launch(wanted)
        raise Killed


class OrphanCases(JobCaseFixtures):
    """Machines without a job, and jobs without a client."""

    def test_quota_is_no_job(self, jobs: Jobs) -> None:
        """`submit` raises, and nothing runs or waits."""
        with possible():
            jobs.harness.oracle.refuse("quota")
        name = f"j{uuid.uuid4().hex[:8]}"
        with jobs.refused(QuotaExceeded, name):
            jobs.submit("echo here", name=name)
        assert jobs.compute.job(name).status == "failed"

    def test_next_machine_is_tried_where_there_is_no_capacity(self, jobs: Jobs) -> None:
        """And where there is none at all, `submit` says so."""
        with possible():
            jobs.harness.oracle.refuse("capacity")
        if jobs.able.region is None:
            with pytest.raises(NoCapacity):
                jobs.submit("echo here")
            return
        result = jobs.ends(jobs.submit("echo here"))
        assert (result.status, result.attempts) == ("succeeded", 1)
        jobs.harness.oracle.refuse("capacity", 20)
        with jobs.refused(NoCapacity, "none"):
            jobs.submit("echo here", name="none", machine=jobs.harness.machine)

    def test_same_name_is_the_same_job(self, jobs: Jobs) -> None:
        """While it runs and once it has ended; other work of that name is refused."""
        name = f"j{uuid.uuid4().hex[:8]}"
        command = (
            f"touch '{jobs.folder}/begun'; while [ ! -e '{jobs.folder}/go' ]; do sleep 0.05; done"
        )
        first = jobs.submit(command, name=name)
        jobs.until((jobs.folder / "begun").exists, lambda: "it didn't begin")
        assert jobs.submit(command, name=name).id == first.id == name
        assert len(jobs.machines(name)) == 1
        with pytest.raises(AlreadyExists):
            jobs.submit("echo something else", name=name)
        (jobs.folder / "go").touch()
        assert jobs.ends(first).status == "succeeded"
        assert jobs.submit(command, name=name).status == "succeeded"
        assert jobs.machines(name) == []

    def test_name_is_free_again_once_its_records_are_deleted(self, jobs: Jobs) -> None:
        """What is left of the first job's machine isn't taken for the second one's."""
        name = f"j{uuid.uuid4().hex[:8]}"
        jobs.ends(jobs.submit("echo first", name=name))
        folder = jobs.compute._connection.settings.folder
        jobs.bucket.delete_prefix(f"{folder}/jobs/{name}/").raise_for_errors()
        again = jobs.submit("echo second", name=name)
        assert jobs.ends(again).status == "succeeded"
        assert list(again.logs()) == ["second"]

    def test_lost_answer_starts_one_machine(self, jobs: Jobs) -> None:
        """The job runs once, on the machine whose answer was lost."""
        with possible():
            jobs.harness.oracle.lose_answer()
        runs = jobs.folder / "runs"
        job = jobs.submit(
            f"echo x >> '{runs}'; while [ ! -e '{jobs.folder}/go' ]; do sleep 0.05; done"
        )
        jobs.until(runs.exists, lambda: "it didn't begin")
        time.sleep(0.5)
        assert len(jobs.machines(job.id)) == 1
        (jobs.folder / "go").touch()
        assert jobs.ends(job).attempts == 1
        assert runs.read_text() == "x\n"

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_client_that_dies_launching_leaves_a_job_to_others(
        self, jobs: Jobs, after: bool
    ) -> None:
        """Anyone goes on with it, by its name or by `reap`; it runs once, on one machine."""
        name, runs = f"j{uuid.uuid4().hex[:8]}", jobs.folder / "runs"
        dying = around(
            jobs.open_compute(heartbeat=0.3), lambda inner: DiesLaunching(inner, after=after)
        )
        with pytest.raises(Killed):
            dying.submit(f"echo x >> '{runs}'", name=name, cpus=0.5, timeout=60)
        time.sleep(1.2)  # until nobody need believe that the other one is still at it
        jobs.compute.reap(dry_run=False)
        result = jobs.ends(jobs.compute.job(name))
        assert (result.status, result.attempts) == ("succeeded", 1)
        assert runs.read_text() == "x\n"
        assert [each.id for each in jobs.compute.reap()] == []

    def test_reap_ends_machines_past_their_deadline(self, jobs: Jobs) -> None:
        """A dry run tells which, and ends none; those in time stay."""
        job = uuid.uuid4().hex[:12]
        deadlines = {"late": int(time.time()) - 5, "early": int(time.time()) + 600}
        made = {}
        for each, deadline in deadlines.items():
            tags = {"portable": "1", "portable-job": job, "portable-deadline": str(deadline)}
            made[each] = jobs.launch(jobs.saying(each), tags=tags).id
            jobs.until_there(each)
        found = [each.id for each in jobs.compute.reap()]
        assert made["late"] in found
        assert made["early"] not in found
        assert jobs.harness.oracle.alive(made["late"])
        jobs.compute.reap(dry_run=False)
        jobs.is_gone(made["late"])
        assert jobs.harness.oracle.alive(made["early"])

    def test_reap_ends_the_machine_of_a_job_that_has_ended(self, jobs: Jobs) -> None:
        """Whoever left it."""
        job = jobs.submit("echo here")
        jobs.ends(job)
        tags = {"portable": "1", "portable-job": job.id}
        left = jobs.launch(jobs.saying("up"), tags=tags).id
        jobs.until_there("up")
        jobs.compute.reap(dry_run=False)
        jobs.is_gone(left)

    def test_job_goes_on_without_its_client(self, jobs: Jobs) -> None:
        """Nobody looks, and it ends by itself with its machine where that can."""
        compute = jobs.open_compute(heartbeat=0.3)
        job = compute.submit(
            f"touch '{jobs.folder}/begun'; echo done > out", cpus=0.5, outputs={"out": "alone"}
        )
        machine = jobs.machine(job).id
        compute.close()
        jobs.until((jobs.folder / "begun").exists, lambda: "it didn't begin")
        if jobs.able.ends in ("script", "poweroff"):
            jobs.is_gone(machine)
        again = jobs.open_compute(heartbeat=0.3)
        assert jobs.ends(again.job(job.id)).status == "succeeded"
        assert jobs.bucket.get("alone") == b"done\n"
        again.close()
