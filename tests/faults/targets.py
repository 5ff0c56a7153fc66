"""Every provider and engine that the faults are tried on, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from . import catalogue
from .azure import Azure, FastAzure
from .dialect import Dialect
from .gcs import FastGcs, Gcs
from .operations import OPERATIONS
from .s3 import S3, FastS3
from .scenes import Operation
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
PROVIDERS = tuple(dict.fromkeys(dialect.provider for dialect in DIALECTS))


def operations() -> Iterator[tuple[Dialect, Operation]]:
    """Those of all targets."""
    for dialect in DIALECTS:
        for operation in OPERATIONS.values():
            if dialect.takes(operation):
                yield dialect, operation


def shared(dialect: Dialect, operation: Operation) -> list[str]:
    """The faults of which CI tries a cell or two: of stalls, and of a large operation's, every second.

    Which those are goes by turns of the operations and the providers. All are tried of a large
    operation that only some have; stalls of large ones by one target, for they take real time.
    """
    turn = PROVIDERS.index(dialect.provider) + list(OPERATIONS).index(operation.name)
    rows = catalogue.faults(dialect)
    quick = [row for row in rows if row not in catalogue.SLOW]
    slow = [row for row in rows if row in catalogue.SLOW]
    if not operation.is_large:
        return [*quick, *slow[turn % 2 :: 2]]
    every = 1 if operation.settings else 2
    return [*quick[turn % every :: every], *(slow if dialect.whole else ())]


def alone(dialect: Dialect) -> tuple[pytest.MarkDecorator, ...]:
    """Marks that keep a target's tests on one worker, so that its server is started once.

    One that CI tries nearly all cells of has enough of them for two.
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
