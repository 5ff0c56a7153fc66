"""Where a data set's objects come from."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import BinaryIO

from portable.cache import Cache
from portable.errors import InvalidArgument, InvalidType, NotFound
from portable.storage.bucket import Bucket

Source = Bucket | Cache


def bucket_of(source: Source) -> Bucket:
    """The bucket behind a cache, or the bucket itself."""
    bucket = source.bucket if isinstance(source, Cache) else source
    if not isinstance(bucket, Bucket):
        raise InvalidType(f"a data set is of a Bucket or a Cache, not of {type(source).__name__}")
    return bucket


def keys_of(source: Source, objects: str | Sequence[str]) -> list[str]:
    """The keys below a prefix, listed now, or those that are given."""
    bucket = bucket_of(source)
    if not isinstance(objects, str):
        keys = list(objects)
        if len(set(keys)) < len(keys):
            raise InvalidArgument("a key is given twice")
    else:
        keys = [info.key for info in bucket.list(objects)]
    if not keys:
        raise NotFound(
            "there is no object to read",
            provider=bucket.provider,
            operation="list",
            resource=f"{bucket.url}/{objects if isinstance(objects, str) else ''}",
        )
    return keys


def opened_ahead(
    source: Source, keys: Iterable[str], ahead: int
) -> Generator[tuple[str, BinaryIO], None, None]:
    """Each object as an open file; the next *ahead* are opened meanwhile, side by side."""
    left = iter(keys)
    waiting: deque[tuple[str, Future[BinaryIO]]] = deque()
    with ThreadPoolExecutor(max(1, ahead), thread_name_prefix="portable-shards") as threads:
        try:
            while True:
                for key in islice(left, ahead + 1 - len(waiting)):
                    waiting.append((key, threads.submit(_open, source, key)))
                if not waiting:
                    return
                key, opening = waiting.popleft()
                with opening.result() as file:
                    yield key, file
        finally:
            for _, opening in waiting:
                if not opening.cancel() and opening.exception() is None:
                    opening.result().close()


def _open(source: Source, key: str) -> BinaryIO:
    file = source.open(key)
    peek = getattr(file, "peek", None)
    if peek is not None:
        peek(1)  # a reader fetches when it is read
    return file


@contextmanager
def noted(where: str) -> Iterator[None]:
    """Say in an error, whatever it is, where in the data it happened."""
    try:
        yield
    except Exception as error:
        error.add_note(where)
        raise
