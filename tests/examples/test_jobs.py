"""The examples of jobs run, unchanged, on every profile: here, and on stand-ins of each provider.

The machines of the stand-ins run what they boot, as processes. On Ray: tests/compute/ray.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import portable
from portable.testing.emulators import PROVIDERS, started
from portable.testing.servers import ServerUnavailable, skip_or_fail
from tests.examples.running import EXAMPLES, run

PROFILES = ("local", *(PROVIDERS if sys.platform == "linux" else ()))

TOLD = ["submit", "status", "machine", "log", "log", "result", "output", "took", "machine"]

pytestmark = pytest.mark.xdist_group("examples of jobs")


@pytest.fixture(scope="module")
def clouds() -> Iterator[Mapping[str, str]]:
    """The environment in which each provider's name is a profile."""
    if len(PROFILES) == 1:
        yield {}
        return
    try:
        with started(*PROVIDERS) as emulation:
            yield emulation.environment
    except ServerUnavailable as error:
        skip_or_fail(error)


@pytest.fixture(params=PROFILES)
def around(request: pytest.FixtureRequest, clouds: Mapping[str, str]) -> dict[str, str]:
    """The environment of one profile; its machines have what the examples import."""
    return {
        **clouds,
        "PORTABLE_PROFILE": request.param,
        "PORTABLE_COMPUTE_PYTHON": sys.executable,
        "OPENBLAS_NUM_THREADS": "1",  # a fit of a fifth of a second isn't faster by more
    }


def test_a_first_job_is_told_of_to_its_end(around: dict[str, str], tmp_path: Path) -> None:
    """With its machine, its log, what it made and cost, and that the machine is gone."""
    said = run(EXAMPLES / "12_first_job.py", tmp_path, **around)
    told = [line.split(maxsplit=1) for line in said.splitlines()]
    assert [what for what, _ in told] == TOLD
    words = [re.sub(r" \(\w+\)$", "", each) for _, each in told]
    assert words[3:7] == [
        "task 0 of 1",
        "done",
        "succeeded with exit code 0",
        "runs/first/accuracy 0.93",
    ]
    assert words[8] == "terminated"
    cost = float(words[7].rpartition("$")[2])
    assert (cost > 0) is (around["PORTABLE_PROFILE"] != "local")


def test_a_training_is_the_same_job_everywhere(around: dict[str, str], tmp_path: Path) -> None:
    said = run(EXAMPLES / "08_training_job.py", tmp_path, **around)
    assert [line.split(maxsplit=1)[1] for line in said.splitlines()] == [
        "trained on 1347 images",
        "{'accuracy': 0.96}",
        "succeeded with exit code 0",
        "runs/training/model.joblib",
    ]


def test_a_month_is_scored_by_two_machines(around: dict[str, str], tmp_path: Path) -> None:
    """And once, however often the timer fires: by the job's name.

    On Spaces, too, where storage can't decide who came first, but keeps what was.
    """
    script = EXAMPLES / "09_monthly_scores.py"
    around["PORTABLE_COMPUTE_MACHINES"] = "2"
    first = run(script, tmp_path, **around)
    assert first.splitlines() == [
        "scores-2026-11: succeeded, 3 tasks",
        "scores/2026-11/0.json 266",
        "scores/2026-11/1.json 266",
        "scores/2026-11/2.json 265",
    ]
    if around["PORTABLE_PROFILE"] in ("local", "digitalocean"):
        assert run(script, tmp_path, **around) == first
    if around["PORTABLE_PROFILE"] == "local":
        here = portable.open_bucket((tmp_path / ".portable/storage").as_uri())
        assert len(list(here.list("portable/compute/recent/"))) == 1


def test_trials_find_the_same_everywhere(around: dict[str, str], tmp_path: Path) -> None:
    """On a machine with as many workers as it has processors."""
    around["PORTABLE_COMPUTE_MACHINES"] = "1"
    said = run(EXAMPLES / "10_search_jobs.py", tmp_path, **around).splitlines()
    assert len(said) == 17
    assert said[-1] == "best: {'C': 10, 'gamma': 0.0001} with 0.960"
