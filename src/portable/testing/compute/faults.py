"""Jobs on a bad day: storage that refuses, outputs that don't fit, commands that don't listen."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from portable.errors import InvalidArgument
from portable.testing.compute.base import possible
from portable.testing.compute.jobs_base import JobCaseFixtures, Jobs
from portable.testing.drivers import Watch
from portable.testing.faults import Fault, Request, error_answer

SIGNED = ("Signature=", "sig=")  # how a machine's requests are told from a client's
MANY = 100_000_000


def of_machine(part: str) -> Callable[[Request], bool]:
    """Requests by signed URL whose path has *part* in it."""

    def match(request: Request) -> bool:
        return part in request.target and any(mark in request.target for mark in SIGNED)

    return match


class FaultCases(JobCaseFixtures):
    """Each ends in a known state, with its machine gone."""

    def test_log_that_is_refused_for_a_while_is_whole(self, jobs: Jobs) -> None:
        """What storage didn't take comes later."""
        proxy = jobs.faults()
        busy = error_answer(503, "SlowDown")
        proxy.add(Fault("status", method="PUT", match=of_machine("/log/"), answer=busy, times=3))
        job = jobs.submit("for n in 1 2 3 4 5; do echo line $n; sleep 0.2; done")
        assert jobs.ends(job).status == "succeeded"
        assert list(job.logs()) == [f"line {n}" for n in range(1, 6)]

    def test_log_that_is_never_taken_fails_no_job(self, jobs: Jobs) -> None:
        """What the job made is there, and its exit code."""
        proxy = jobs.faults()
        refused = error_answer(403, "AccessDenied")
        proxy.add(
            Fault("status", method="PUT", match=of_machine("/log/"), answer=refused, times=None)
        )
        job = jobs.submit("echo lost; echo x > out; exit 3", outputs={"out": "out"})
        result = jobs.ends(job)
        assert (result.status, result.exit_code) == ("failed", 3)
        assert jobs.bucket.get("out") == b"x\n"
        assert list(job.logs()) == []

    def test_signatures_that_expire_end_the_attempt(self, jobs: Jobs) -> None:
        """The machine can't say anything any longer, and is ended; the next attempt has new ones."""
        proxy = jobs.faults()
        mark = jobs.folder / "first"
        job = jobs.submit(
            f"[ -e '{mark}' ] && exit 0; touch '{mark}'; sleep 60", retries=1, timeout=100
        )
        jobs.until(mark.exists, lambda: "it didn't begin")
        first = jobs.machine(job).id
        expired = error_answer(403, "AccessDenied")
        proxy.add(Fault("status", match=of_machine("/0/1/"), answer=expired, times=None))
        with jobs.impatient():
            result = jobs.ends(job)
        assert (result.status, result.attempts) == ("succeeded", 2)
        jobs.is_gone(first)

    def test_output_that_is_too_large_for_one_request(self, jobs: Jobs) -> None:
        """Fails the job, which says what to do; the others are stored."""
        watched = Watch(capabilities={"put_max": 6_000_000}).on(jobs.bucket)
        jobs.compute._connection.storage = lambda: watched
        job = jobs.submit(
            "mkdir out; echo small > out/small; head -c 6000001 /dev/zero > out/large",
            outputs={"out": "made"},
        )
        result = jobs.ends(job)
        assert (result.status, result.reason, result.exit_code) == ("failed", "outputs", 0)
        assert "large" in result.detail
        assert jobs.bucket.get("made/small") == b"small\n"

    def test_command_that_ignores_the_question(
        self, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Is ended, with what it started."""
        from portable.compute import manifest

        monkeypatch.setattr(manifest, "GRACE_SECONDS", 1.0)
        job = jobs.submit(
            "trap '' TERM; (trap '' TERM; sleep 60) & while :; do sleep 0.1; done", timeout=2
        )
        began = time.monotonic()
        result = jobs.ends(job)
        assert (result.reason, result.exit_code) == ("timeout", -9)
        assert time.monotonic() - began < 20

    @pytest.mark.portable_slow
    def test_command_that_says_a_lot(self, jobs: Jobs) -> None:
        """100 MB of log are there, to the last line."""
        job = jobs.submit(f"yes 'a line of a rather long log' | head -c {MANY}; echo; echo last")
        assert jobs.ends(job).status == "succeeded"
        size, last = 0, ""
        for line in job.logs():
            size, last = size + len(line) + 1, line
        assert size >= MANY
        assert last == "last"

    def test_array_goes_on_without_a_machine_that_is_refused(
        self, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The tasks that would be its wait, and run once there is one."""
        from portable.compute import shortage

        if jobs.able.cpus is not None:
            pytest.skip("an array has one machine here")
        monkeypatch.setattr(shortage, "SHORTEST_SECONDS", 0.5)
        with possible():
            jobs.harness.oracle.refuse("quota")
        compute = jobs.open_compute(heartbeat=0.3, boot=60.0, machines=2)
        job = compute.submit("echo task $PORTABLE_TASK_INDEX", count=5, timeout=120)
        assert job.record.shards == 2
        result = jobs.ends(job)
        assert (result.status, result.attempts) == ("succeeded", 1)
        assert sorted(job.logs()) == [f"[{n}] task {n}" for n in range(5)]
        compute.close()

    def test_machine_that_there_isnt_is_no_job(self, jobs: Jobs) -> None:
        """The error names it; nothing waits, and nothing runs."""
        if not jobs.harness.machine:
            pytest.skip("there are no types of machines here")
        wanted = f"{jobs.harness.machine}x"
        with jobs.refused(InvalidArgument, "impossible") as caught:
            jobs.submit("echo here", name="impossible", machine=wanted)
        assert wanted in str(caught.value)
