"""The examples of jobs run, unchanged, on every profile: here, and on stand-ins of each provider.

The machines of the stand-ins run what they boot, as processes. On Ray: tests/compute/ray.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

import portable
from portable.testing.emulators import PROVIDERS, started
from portable.testing.servers import required
from tests.examples.running import run_in_turn

PROFILES = ("local", *(PROVIDERS if sys.platform == "linux" else ()))
MONTH, AGAIN = 1, 2
# With the machines that an array may have.
SCRIPTS = (
    ("08_training_job.py", 1),
    ("09_monthly_scores.py", 2),
    ("09_monthly_scores.py", 2),  # the timer fires twice
    ("10_search_jobs.py", 1),  # with as many workers as it has processors
    ("12_first_job.py", 1),
)
TOLD = ["submit", "status", "machine", "log", "log", "result", "output", "took", "machine"]

pytestmark = pytest.mark.xdist_group("examples of jobs")


class Said(NamedTuple):
    """What the scripts printed on one profile, and the folder that they ran in."""

    profile: str
    lines: list[list[str]]
    folder: Path


@pytest.fixture(scope="module")
def clouds() -> Iterator[Mapping[str, str]]:
    """The environment in which each provider's name is a profile."""
    if len(PROFILES) == 1:
        yield {}
        return
    with required(started(*PROVIDERS)) as emulation:
        yield emulation.environment


@pytest.fixture(scope="module", params=PROFILES)
def said(
    request: pytest.FixtureRequest,
    clouds: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Said:
    folder = tmp_path_factory.mktemp(request.param)
    around = {
        **clouds,
        "PORTABLE_PROFILE": request.param,
        "PORTABLE_COMPUTE_PYTHON": sys.executable,  # one that has what is imported
        "OPENBLAS_NUM_THREADS": "1",  # a fit of a fifth of a second isn't faster by more
    }
    return Said(request.param, run_in_turn(SCRIPTS, folder, **around), folder)


def test_a_training_is_the_same_job_everywhere(said: Said) -> None:
    assert [line.split(maxsplit=1)[1] for line in said.lines[0]] == [
        "trained on 1347 images",
        "{'accuracy': 0.96}",
        "succeeded with exit code 0",
        "runs/training/model.joblib",
    ]


def test_a_month_is_scored_by_two_machines_once(said: Said) -> None:
    """However often the timer fires: by the job's name.

    On Spaces, too, where storage can't decide who came first, but keeps what was.
    """
    assert said.lines[MONTH] == [
        "scores-2026-11: succeeded, 3 tasks",
        "scores/2026-11/0.json 266",
        "scores/2026-11/1.json 266",
        "scores/2026-11/2.json 265",
    ]
    assert said.lines[AGAIN] == said.lines[MONTH]
    if said.profile == "local":
        here = portable.open_bucket((said.folder / ".portable/storage").as_uri())
        marks = [info.key for info in here.list("portable/compute/recent/")]
        assert sum(mark.endswith("-scores-2026-11") for mark in marks) == 1


def test_trials_find_the_same_everywhere(said: Said) -> None:
    assert len(said.lines[3]) == 17
    assert said.lines[3][-1] == "best: {'C': 10, 'gamma': 0.0001} with 0.960"


def test_a_first_job_is_told_of_to_its_end(said: Said) -> None:
    """With its machine, its log, what it made and cost, and that the machine is gone."""
    told = [line.split(maxsplit=1) for line in said.lines[4]]
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
    assert (cost > 0) is (said.profile != "local")
