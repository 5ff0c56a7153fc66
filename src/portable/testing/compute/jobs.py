"""Jobs from end to end: on a machine of the provider's, by its storage."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from portable.errors import JobFailed
from portable.testing.compute.jobs_base import STAYS, JobCaseFixtures, Jobs, elapsed

ODD: Mapping[str, str] = {
    "PLAIN": "0.1",
    "UNICODE": "ünï 日本 🚀",
    "LINES": "a\n b\n\n$HOME `x` 'q' \"d\" \\ %s",
    "EMPTY": "",
    "SPACES": "  two  ",
}


class JobCases(JobCaseFixtures):
    """`Compute.submit`, and what a `Job` tells."""

    def test_job_runs_from_end_to_end(self, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
        """Inputs, environment, outputs, log, exit code; then its machine is gone."""
        jobs.bucket.put("in/a.txt", b"weights")
        jobs.bucket.put("in/sub/\u00fc.bin", bytes(range(256)))
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the client's own")
        job = jobs.submit(
            "cat data/a.txt; echo; echo from stderr >&2; mkdir -p out/deep; cp data/sub/*.bin out/deep/;"
            ' printf %s "$LR" > out/lr; env > out/env; : > out/empty',
            env={"LR": "0.1"},
            inputs={"data": "in"},
            outputs={"out": "runs/7"},
        )
        result = jobs.ends(job)
        assert (result.status, result.exit_code, result.reason) == ("succeeded", 0, "exit")
        assert result.attempts == 1
        assert sorted(job.logs()) == ["from stderr", "weights"]
        assert jobs.bucket.get("runs/7/deep/\u00fc.bin") == bytes(range(256))
        assert jobs.bucket.get("runs/7/lr") == b"0.1"
        assert jobs.bucket.get("runs/7/empty") == b""
        assert sorted(result.outputs) == sorted(info.key for info in jobs.bucket.list("runs/7/"))
        assert (job.status, job.exit_code) == ("succeeded", 0)
        said = jobs.bucket.get("runs/7/env").decode()
        words = ("AWS_ACCESS", "AWS_SECRET", "AZURE_", "GOOGLE_APPLICATION", "DIGITALOCEAN_")
        assert not any(word in said for word in words)

    def test_exit_code_is_the_commands(self, jobs: Jobs) -> None:
        """It isn't run again, whatever *retries* says; what it stored is there."""
        command = "echo it fails; echo part > out; exit 4"
        result = jobs.ends(job := jobs.submit(command, retries=2, outputs={"out": "part"}))
        assert (result.status, result.exit_code, result.reason) == ("failed", 4, "exit")
        assert result.attempts == 1
        assert list(job.logs()) == ["it fails"]
        assert jobs.bucket.get("part") == b"part\n"

    def test_words_and_variables_arrive_as_they_are(self, jobs: Jobs) -> None:
        """Whatever they mean to a shell or to JSON."""
        words = ["a b", "", "$HOME", "'", "line\nbreak", "ü 🚀", "-n", "*"]
        script = 'for each in "$@"; do printf "%s\\0" "$each"; done > words; env -0 > env'
        job = jobs.submit(
            ["sh", "-c", script, "sh", *words], env=ODD, outputs={"words": "w", "env": "e"}
        )
        assert jobs.ends(job).status == "succeeded"
        assert jobs.bucket.get("w").decode().split("\0")[:-1] == words
        lines = jobs.bucket.get("e").decode().split("\0")
        told = dict(line.split("=", 1) for line in lines if line)
        assert {name: told[name] for name in ODD} == ODD

    def test_job_that_takes_too_long(self, jobs: Jobs) -> None:
        """Is asked to end, and tells what it came to."""
        job = jobs.submit(
            "echo begun; echo x > out; sleep 60", timeout=1.5, outputs={"out": "late"}
        )
        result = jobs.ends(job)
        assert (result.status, result.reason, result.exit_code) == ("failed", "timeout", -15)
        assert list(job.logs()) == ["begun"]
        assert jobs.bucket.get("late") == b"x\n"

    def test_cancelled_job_ends(self, jobs: Jobs) -> None:
        """Soon, with its machine; once more is fine."""
        job = jobs.submit(f"echo begun; touch '{jobs.folder}/begun'; {STAYS}", retries=1)
        jobs.until((jobs.folder / "begun").exists, lambda: "it didn't begin")
        began = time.monotonic()
        job.cancel()
        result = jobs.ends(job)
        assert elapsed(began) < 15
        assert (result.status, result.reason) == ("cancelled", "cancelled")
        assert list(job.logs()) == ["begun"]
        job.cancel()
        assert job.status == "cancelled"

    def test_log_is_followed_while_the_job_runs(self, jobs: Jobs) -> None:
        """Lines come before it has ended, once each."""
        job = jobs.submit(
            f"echo one; while [ ! -e '{jobs.folder}/go' ]; do sleep 0.05; done; echo two ü"
        )
        lines = job.logs(follow=True)
        assert next(lines) == "one"
        assert job.status == "running"
        (jobs.folder / "go").touch()
        assert list(lines) == ["two ü"]
        jobs.ends(job)

    def test_another_process_looks_after_it(self, jobs: Jobs) -> None:
        """Everything about it is in storage."""
        job = jobs.submit("echo hello; exit 3")
        other = jobs.open_compute(heartbeat=0.3)
        assert other.job(job.id).wait(45).exit_code == 3
        assert list(other.job(job.id).logs()) == ["hello"]
        assert job.id in [each.id for each in other.jobs(active=False)]
        assert job.id not in [each.id for each in other.jobs(active=True)]
        other.close()
        jobs.no_machine(job.id)

    def test_array_has_its_tasks(self, jobs: Jobs) -> None:
        """Each with its index, its log and its outputs; the first failure is the job's."""
        job = jobs.submit(
            'echo "I am $PORTABLE_TASK_INDEX of $PORTABLE_TASK_COUNT"; echo $PORTABLE_TASK_INDEX > out; '
            "[ $PORTABLE_TASK_INDEX != 2 ] || exit 7",
            count=4,
            outputs={"out": "array/{index}"},
        )
        result = jobs.ends(job)
        assert (result.status, result.exit_code) == ("failed", 7)
        assert [(task.index, task.exit_code) for task in result.tasks] == [
            (0, 0),
            (1, 0),
            (2, 7),
            (3, 0),
        ]
        assert sorted(job.logs()) == [f"[{n}] I am {n} of 4" for n in range(4)]
        assert list(job.logs(task=1)) == ["I am 1 of 4"]
        assert [jobs.bucket.get(f"array/{n}") for n in range(4)] == [b"%d\n" % n for n in range(4)]

    def test_function_returns_its_value(self, jobs: Jobs) -> None:
        """With what it closes over; its prints are the log."""
        factor = 7

        def work() -> dict[str, object]:
            print("printed")
            return {"answer": 6 * factor, "text": "ü"}

        job = jobs.submit(work)
        assert job.result(45) == {"answer": 42, "text": "ü"}
        assert list(job.logs()) == ["printed"]
        jobs.no_machine(job.id)

    def test_map_gives_results_in_order(self, jobs: Jobs) -> None:
        """Of any number of items, on as many machines as there are."""
        offset = 100

        def work(item: int) -> int:
            return item * item + offset

        results = jobs.compute.map(work, range(6), cpus=0.5, name="squares")
        assert list(results) == [n * n + 100 for n in range(6)]
        jobs.compute.job("squares").wait(45)
        jobs.no_machine("squares")

    def test_map_that_fails_says_which(self, jobs: Jobs) -> None:
        """With the error; the rest is ended."""

        def work(item: int) -> int:
            if item == 1:
                raise ValueError("bad item")
            return item

        results = jobs.compute.map(work, [0, 1, 2], cpus=0.5, name="failing")
        assert next(results) == 0
        with pytest.raises(JobFailed, match=r"1.*(?s:.)*bad item"):
            list(results)
        jobs.compute.job("failing").wait(45)
        jobs.no_machine("failing")
