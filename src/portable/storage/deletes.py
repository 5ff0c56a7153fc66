"""Many objects removed, as many as one request can take at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from portable.storage.arguments import batches
from portable.storage.keys import check_readable
from portable.storage.types import DeleteReport

if TYPE_CHECKING:
    from portable.storage.connection import Connection


def delete_all(connection: Connection, operation: str, keys: Iterable[str]) -> DeleteReport:
    """Remove *keys*; what fails is reported and doesn't stop the rest."""
    deleted, errors = 0, {}
    with connection.located(operation):
        for batch in batches(keys, connection.capabilities.delete_max):
            full = [connection.prefix + check_readable(key) for key in batch]
            failed = connection.call(lambda full=full: connection.driver.delete(full))  # type: ignore[misc]
            deleted += len(batch) - len(failed)
            for found, error in failed.items():
                key = found.removeprefix(connection.prefix)
                errors[key] = error.located(
                    provider=connection.provider,
                    operation=operation,
                    resource=connection.resource(key),
                )
    return DeleteReport(deleted, errors)
