"""What a job reads, found before anything is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.compute.work import Input
from portable.errors import InvalidArgument, NotFound
from portable.storage.keys import check_key, check_readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portable.storage import Bucket

OBJECTS_MAX = 10_000


def find(bucket: Bucket, inputs: Mapping[str, str]) -> tuple[Input, ...]:
    """Every object that *inputs* name: one by its key, or all below a folder.

    Raises:
        NotFound: there is nothing at one of them.
        InvalidArgument: they are more than 10,000, or a name of one can't be a file's.
    """
    found: list[Input] = []
    for path, key in inputs.items():
        before = len(found)
        for each in _below(bucket, path, key):
            found.append(each)
            if len(found) > OBJECTS_MAX:
                raise InvalidArgument(
                    f"inputs: more than {OBJECTS_MAX} objects, with {key!r}; put small ones "
                    f"together into archives, or let the job fetch what it needs"
                )
        if len(found) == before:
            raise NotFound(
                f"inputs: there is no object {key!r} and nothing below {key.rstrip('/')}/ in "
                f"{bucket.url}",
                resource=f"{bucket.url}/{key}",
            )
    return tuple(found)


def _below(bucket: Bucket, path: str, key: str) -> Iterator[Input]:
    check_readable(key)
    if not key.endswith("/"):
        try:
            yield Input(path=path, key=key, size=bucket.stat(key).size)
        except NotFound as error:
            if type(error) is not NotFound:
                raise
        else:
            return
    folder = key.rstrip("/") + "/"
    for info in bucket.list(folder):
        name = info.key.removeprefix(folder)
        if not name or name.endswith("/"):
            continue  # another tool's mark of a folder
        yield Input(path=check_key(f"{path}/{name}"), key=info.key, size=info.size)
