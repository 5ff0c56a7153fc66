"""What a bucket does with objects that are there: copy, move and remove them, and tidy up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from portable.errors import InvalidArgument, InvalidType
from portable.storage import copies
from portable.storage.deletes import delete_all
from portable.storage.descriptions import describe
from portable.storage.folders import Folders
from portable.storage.keys import check_key, check_prefix, check_readable
from portable.storage.types import DeleteReport, ObjectInfo
from portable.storage.uploads import Progress
from portable.values import Seconds, duration

if TYPE_CHECKING:
    from portable.storage.bucket import Bucket


class Housekeeping(Folders):
    """The methods of `Bucket` that need none of the objects' content."""

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        raise NotImplementedError

    def copy(
        self,
        source: str,
        target: str,
        *,
        to: Bucket | None = None,
        progress: Progress | None = None,
    ) -> ObjectInfo:
        """Copy an object, its content type and metadata; on the server where it can.

        Args:
            source: A key of this bucket.
            target: A key of this bucket, or of *to*.
            to: Another bucket, at any provider; the data then may pass through this process.
            progress: As in `put`; not called where the server copies.

        Raises:
            NotFound: no such source.
            ObjectChanged: the source was replaced meanwhile.
        """
        with self._connection.located("copy", source):
            home = _bucket("to", to or self)._connection
            check_readable(source)
            check_key(target, home.prefix)
            full = self._connection.prefix + source
            _, stored = copies.copy(self._connection, full, home, home.prefix + target, progress)
        return describe(home, stored)

    def move(self, source: str, target: str) -> ObjectInfo:
        """Copy an object, then remove the source. Killed between the two, both are there.

        Raises:
            NotFound: no such source.
            ObjectChanged: the source was replaced meanwhile; both are kept.
        """
        connection = self._connection
        with connection.located("move", source):
            check_readable(source)
            full, home = connection.prefix + source, connection.prefix
            check_key(target, home)
            found, stored = copies.copy(connection, full, connection, home + target)
            if source != target:
                copies.remove_source(connection, found, target)
        return describe(connection, stored)

    def delete(self, key: str, *, missing_ok: bool = True) -> None:
        """Remove an object; one that is missing already is fine.

        Raises:
            NotFound: it is missing and not *missing_ok*.
        """
        connection = self._connection
        with connection.located("delete", key):
            full = connection.prefix + check_readable(key)
            if not missing_ok:
                connection.call(lambda: connection.driver.stat(full))
            errors = connection.call(lambda: connection.driver.delete([full]))
            for error in errors.values():
                raise error

    def delete_many(self, keys: Iterable[str]) -> DeleteReport:
        """Remove objects, as many as one request can take at a time.

        Returns:
            How many are gone, and what remains with its error: one failure doesn't stop the rest.
        """
        return delete_all(self._connection, "delete_many", keys)

    def delete_prefix(self, prefix: str) -> DeleteReport:
        """Remove every object whose key begins with *prefix*.

        Raises:
            InvalidArgument: *prefix* is empty, which would empty the bucket.
        """
        with self._connection.located("delete_prefix", prefix):
            if not check_prefix(prefix):
                raise InvalidArgument(
                    "an empty prefix would remove every object; if that is meant: "
                    "bucket.delete_many(info.key for info in bucket.list())"
                )
        return delete_all(
            self._connection, "delete_prefix", (info.key for info in self.list(prefix))
        )

    def abort_stale_uploads(self, older_than: Seconds = 24 * 3600) -> int:
        """Drop multipart uploads below the prefix that were begun and never finished.

        They hold parts that cost money and that no listing shows.

        Args:
            older_than: Seconds; younger ones may still be under way, and are kept. 0 ends every
                unfinished upload, those under way too: whoever sends one gets `NotFound`.

        Returns:
            How many were dropped.
        """
        connection = self._connection
        with connection.located("abort_stale_uploads"):
            before = datetime.now(UTC) - duration(older_than, "older_than")
            stale = [
                upload
                for upload in connection.driver.uploads(connection.prefix)
                if upload.started <= before
            ]
            for upload in stale:
                connection.call(
                    lambda upload=upload: connection.driver.abort(upload.key, upload.upload)  # type: ignore[misc]
                )
            return len(stale)


def _bucket(name: str, given: Housekeeping) -> Housekeeping:
    if not isinstance(given, Housekeeping):
        raise InvalidType(
            f"{name} is a bucket, as portable.open_bucket gives it, not {type(given).__name__}"
        )
    return given
