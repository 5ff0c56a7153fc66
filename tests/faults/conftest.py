"""One server, one proxy and one table for all cells of a worker; the tables end up in one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from portable.storage import listing
from portable.testing.servers import ServerUnavailable, skip_or_fail

from . import report as tables
from .running import Outcome
from .stage import Stage
from .targets import TARGETS

TABLE = "PORTABLE_FAULT_TABLE"  # a file for the table, as Markdown
SECRETIVE = ("AWS_", "AZURE_", "GOOGLE_", "GCLOUD_", "STORAGE_", "SPACES_", "DIGITALOCEAN_")
found: list[Outcome] = []
figures: list[str] = []


@pytest.fixture(scope="session")
def _stages() -> Iterator[dict[str, Stage]]:
    """Those of this worker, by target: each begins when it is first asked for."""
    with ExitStack() as stack:
        stages = _Stages(stack)
        yield stages


class _Stages(dict[str, Stage]):
    def __init__(self, stack: ExitStack) -> None:
        super().__init__()
        self._stack = stack

    def __missing__(self, target: str) -> Stage:
        try:
            self[target] = stage = self._stack.enter_context(_staged(target))
        except ServerUnavailable as error:
            skip_or_fail(error)
        return stage


@contextmanager
def _staged(target: str) -> Iterator[Stage]:
    dialect = TARGETS[target]
    with dialect.start() as store:
        stage = Stage(dialect, store)
        try:
            yield stage
        finally:
            stage.close()


@pytest.fixture
def target() -> str:
    """The dialect's name; a parameter of tests that are for several."""
    return "aws sdk"


@pytest.fixture(autouse=True)
def _environment(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of the target's server and of nothing else."""
    for name in [name for name in os.environ if name.startswith(SECRETIVE)]:
        monkeypatch.delenv(name)
    for name, value in TARGETS[target].environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE_KEYS", 2)


@pytest.fixture
def stage(target: str, _stages: dict[str, Stage], _environment: None) -> Iterator[Stage]:
    """The target's server, proxy and buckets."""
    stage = _stages[target]
    stage.proxy.clear()
    yield stage
    stage.proxy.clear()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Gather what tests found out, from xdist's workers too."""
    for name, value in report.user_properties if report.when == "call" else ():
        if name == tables.CELLS:
            found.extend(tables.unpacked(cast("Any", value)))
        elif name == tables.FIGURES:
            figures.append(str(value))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show it, and leave it in a file if one is named."""
    tabled = tables.tables(found) if found else []
    lines = [*tabled, *(line for text in figures for line in ("", text))]
    if not lines:
        return
    terminalreporter.section("network faults")
    terminalreporter.write_line("\n".join(lines))
    if TABLE in os.environ:
        Path(os.environ[TABLE]).write_text("\n".join(lines) + "\n")
