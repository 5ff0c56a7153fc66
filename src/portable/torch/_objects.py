"""`ObjectDataset`: one object, one sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar, cast

from torch.utils.data import Dataset

from portable.torch._source import Source, bucket_of, keys_of, noted

T_co = TypeVar("T_co", covariant=True)


class ObjectDataset(Dataset[T_co], Generic[T_co]):
    """A bucket's objects by number, for samplers that want any order.

    A `DataLoader` gets a batch's objects side by side. Each costs a request: for small samples
    read once an epoch, shards are many times faster.
    """

    def __init__(
        self,
        source: Source,
        objects: str | Sequence[str],
        *,
        decode: Callable[[str, bytes], T_co] | None = None,
        threads: int = 8,
    ) -> None:
        """List the objects; nothing is read.

        Args:
            source: A bucket, or a `Cache` of one.
            objects: A prefix of keys, or the keys.
            decode: Called with the key and the bytes; else a sample is the bytes.
            threads: Objects of a batch that are read at once.

        Raises:
            NotFound: there is no such object.
        """
        self._source = source
        self._url = bucket_of(source).url
        self.keys = keys_of(source, objects)
        self._decode = decode
        self._threads = threads

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, number: int) -> T_co:
        return self._decoded(number, self._source.get(self.keys[number]))

    def __getitems__(self, numbers: Sequence[int]) -> list[T_co]:
        keys = [self.keys[number] for number in numbers]
        with ThreadPoolExecutor(self._threads, thread_name_prefix="portable-objects") as threads:
            found = list(threads.map(self._source.get, keys))
        return [self._decoded(*pair) for pair in zip(numbers, found, strict=True)]

    def _decoded(self, number: int, data: Any) -> T_co:
        if self._decode is None:
            return cast("T_co", data)
        key = self.keys[number]
        with noted(f"while decoding {self._url}/{key}"):
            return self._decode(key, data)
