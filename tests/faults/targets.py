"""Every provider and engine that the faults are tried on, by name."""

from __future__ import annotations

from typing import Any

import pytest

from .azure import Azure, FastAzure
from .dialect import Dialect
from .gcs import FastGcs, Gcs
from .s3 import S3, FastS3
from .spaces import FastSpaces, Spaces

DIALECTS: tuple[Dialect, ...] = (
    S3(),
    FastS3(),
    Spaces(),
    FastSpaces(),
    Gcs(),
    FastGcs(),
    Azure(),
    FastAzure(),
)
TARGETS = {dialect.name: dialect for dialect in DIALECTS}


def alone(dialect: Dialect) -> tuple[pytest.MarkDecorator, ...]:
    """Marks that keep a target's tests on one worker, so that its server is started once.

    One that CI tries all cells of has enough of them for two.
    """
    return () if dialect.whole else (pytest.mark.xdist_group(f"faults of {dialect.name}"),)


def each_target(*, writing: bool = False) -> list[Any]:
    """Parameters of a test: all targets.

    Args:
        writing: Only those whose engine carries writes.
    """
    return [
        pytest.param(name, marks=alone(dialect))
        for name, dialect in TARGETS.items()
        if dialect.writes or not writing
    ]
