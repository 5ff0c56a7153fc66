"""Jobs whose machine is lost: known to be, retried where that is wanted, never run twice at once."""

from __future__ import annotations

import pytest

from portable.testing.compute.base import possible
from portable.testing.compute.jobs_base import STAYS, JobCaseFixtures, Jobs
from portable.testing.fakes.machines import Boot


def stays_once(jobs: Jobs) -> str:
    """A command that stays when it is run first, and succeeds the next time."""
    mark = jobs.folder / "first"
    return (
        f"echo attempt $PORTABLE_ATTEMPT; echo $PORTABLE_ATTEMPT > out; [ -e '{mark}' ] && exit 0; "
        f"touch '{mark}'; {STAYS}"
    )


class LossCases(JobCaseFixtures):
    """Machines that die, hang, are taken away, don't boot, or don't know the time."""

    def test_dead_machine_is_replaced(self, jobs: Jobs) -> None:
        """The job goes on with the next one; only that one's outputs count."""
        job = jobs.submit(stays_once(jobs), retries=1, outputs={"out": "out"})
        jobs.until((jobs.folder / "first").exists, lambda: "it didn't begin")
        jobs.harness.oracle.kill(jobs.machine(job).id)
        result = jobs.ends(job)
        assert (result.status, result.attempts) == ("succeeded", 2)
        assert jobs.bucket.get("out") == b"2\n"
        assert "attempt 2" in list(job.logs())

    def test_dead_machine_without_retries(self, jobs: Jobs) -> None:
        """The job is lost, and says so."""
        job = jobs.submit(stays_once(jobs))
        jobs.until((jobs.folder / "first").exists, lambda: "it didn't begin")
        jobs.harness.oracle.kill(jobs.machine(job).id)
        result = jobs.ends(job)
        assert (result.status, result.reason, result.exit_code) == ("lost", "lost", None)
        assert "gone" in result.detail

    def test_silent_machine_is_replaced(self, jobs: Jobs) -> None:
        """Though its provider says that it runs; it is ended first, and costs nothing more."""
        job = jobs.submit(stays_once(jobs), retries=1, outputs={"out": "out"})
        jobs.until((jobs.folder / "first").exists, lambda: "it didn't begin")
        hanging = jobs.machine(job).id
        with possible():
            jobs.harness.oracle.hang(hanging)
        with jobs.impatient():
            result = jobs.ends(job)
        assert (result.status, result.attempts) == ("succeeded", 2)
        assert jobs.bucket.get("out") == b"2\n"
        jobs.is_gone(hanging)

    def test_spot_machine_that_is_taken_away_is_replaced(self, jobs: Jobs) -> None:
        """It was told, and said so."""
        if not jobs.able.spot:
            pytest.skip("capability spot is off")
        job = jobs.submit(stays_once(jobs), retries=1, spot=True)
        jobs.until((jobs.folder / "first").exists, lambda: "it didn't begin")
        taken = jobs.machine(job)
        assert taken.spot
        with possible():
            jobs.harness.oracle.preempt(taken.id, 5.0)
        result = jobs.ends(job)
        assert (result.status, result.attempts) == ("succeeded", 2)

    def test_machine_that_never_boots_is_given_up(self, jobs: Jobs) -> None:
        """When it is time; the next one may boot."""
        with possible():
            jobs.harness.oracle.next(Boot(runs=False))
        compute = jobs.open_compute(heartbeat=0.3, boot=3.0)
        job = compute.submit("echo here", cpus=0.5, retries=1, timeout=60)
        result = jobs.ends(job)
        assert (result.status, result.attempts) == ("succeeded", 2)
        compute.close()

    def test_wrong_clock_of_a_machine_does_no_harm(self, jobs: Jobs) -> None:
        """An hour ahead: it isn't late, and neither are its signatures."""
        with possible():
            jobs.harness.oracle.next(Boot(clock=3600.0))
        command = "python3 -c 'import time; print(int(time.time()))'; echo x > out"
        job = jobs.submit(command, outputs={"out": "out"}, timeout=60)
        result = jobs.ends(job)
        assert (result.status, result.exit_code, result.seconds < 60) == ("succeeded", 0, True)
        assert jobs.bucket.get("out") == b"x\n"
