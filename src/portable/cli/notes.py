"""What a part of `portable` logs, as notes of the command that uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging import Handler, LogRecord, getLogger
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portable.cli.session import Session


@contextmanager
def noted(session: Session, logger: str, level: int) -> Iterator[None]:
    """Show what *logger* says from *level* on."""
    notes = _Notes(session, level)
    log = getLogger(logger)
    before = log.level
    log.addHandler(notes)
    log.setLevel(level)
    try:
        yield
    finally:
        log.removeHandler(notes)
        log.setLevel(before)


class _Notes(Handler):
    def __init__(self, session: Session, level: int) -> None:
        super().__init__(level)
        self._session = session

    def emit(self, record: LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._session.note(record.getMessage() + (f": {error}" if error else ""))
