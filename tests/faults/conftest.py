"""One server, one proxy and one table for all cells of a worker; the tables end up in one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from portable.testing.servers import S3Server, ServerUnavailable, moto_server, skip_or_fail

from . import report as tables
from .running import Outcome
from .stage import Stage

TABLE = "PORTABLE_FAULT_TABLE"  # a file for the table, as Markdown
found: list[Outcome] = []
figures: list[str] = []


@pytest.fixture(scope="session")
def _environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


@pytest.fixture(scope="session")
def server(_environment: None) -> Iterator[S3Server]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(moto_server())
        except ServerUnavailable as error:
            skip_or_fail(error)
        yield server


@pytest.fixture(scope="session")
def stage(server: S3Server) -> Iterator[Stage]:
    stage = Stage(server)
    yield stage
    stage.close()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Gather what tests found out, from xdist's workers too."""
    for name, value in report.user_properties if report.when == "call" else ():
        if name == tables.CELLS:
            found.extend(tables.unpacked(cast("Any", value)))
        elif name == tables.FIGURES:
            figures.append(str(value))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show it, and leave it in a file if one is named."""
    tabled = [*tables.by_fault(found), "", *tables.by_operation(found)] if found else []
    lines = [*tabled, *(line for text in figures for line in ("", text))]
    if not lines:
        return
    terminalreporter.section("network faults")
    terminalreporter.write_line("\n".join(lines))
    if TABLE in os.environ:
        Path(os.environ[TABLE]).write_text("\n".join(lines) + "\n")
