"""`ShardDataset`: samples streamed out of shards."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from random import Random
from typing import Any, BinaryIO, Generic, NamedTuple, TypeVar, cast

import torch
from torch.utils.data import IterableDataset

from portable.errors import InvalidArgument, PortableError
from portable.torch._order import Part, rank_and_size, shards_of, this_part
from portable.torch._source import Source, bucket_of, keys_of, noted, opened_ahead
from portable.torch._tar import tar_samples

T_co = TypeVar("T_co", covariant=True)


class _Place(NamedTuple):
    """Where a block of samples begins in a worker's shards, and how many of it were given."""

    shard: int = 0
    sample: int = 0
    given: int = 0


class ShardDataset(IterableDataset[T_co], Generic[T_co]):
    """Samples of a bucket's shards, each once in an epoch, split over ranks and workers.

    A rank and each of its workers reads whole shards of its own. So one may have more samples
    than another: with `DistributedDataParallel`, use its ``join``, or end an epoch after as many
    batches as the rank with the fewest has. Write many more shards than there are workers.

    Works with any start method of `DataLoader` workers. The shards are listed once, here.
    """

    def __init__(
        self,
        source: Source,
        shards: str | Sequence[str],
        *,
        read: Callable[[BinaryIO], Iterable[Any]] = tar_samples,
        decode: Callable[[Any], T_co] | None = None,
        shuffle: int = 0,
        seed: int = 0,
        prefetch: int = 2,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        """List the shards; nothing is read.

        Args:
            source: A bucket, or a `Cache` of one.
            shards: A prefix of keys, or the keys.
            read: Reads the samples of one opened shard; must be picklable where workers are
                spawned, as *decode*. Each shard as one sample: ``lambda file: [file.read()]``.
            decode: Called with each sample just before it is given.
            shuffle: Samples to hold in memory and give in random order, block after block;
                0 leaves the order. Other than with 0, the shards are shuffled too.
            seed: The same seed and epoch give the same order.
            prefetch: Shards to open ahead, with their first bytes.
            rank, world_size: As `torch.distributed` has them, or the environment, unless given.

        Raises:
            NotFound: there is no such shard.
            InvalidArgument: fewer shards than ranks, when it is iterated.
        """
        if shuffle < 0 or prefetch < 0:
            raise InvalidArgument("shuffle and prefetch are numbers of samples and of shards")
        if (rank is None) != (world_size is None):
            raise InvalidArgument("rank and world_size are given together")
        self._source = source
        self._url = bucket_of(source).url
        self._shards = keys_of(source, shards)
        self._read = read
        self._decode = decode
        self._shuffle = shuffle
        self._seed = seed
        self._prefetch = prefetch
        self._rank = None if rank is None or world_size is None else (rank, world_size)
        # Shared, so that workers that live for many epochs are told, too.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]
        self._state: dict[str, Any] | None = None
        self._resume: Mapping[str, Any] | None = None

    @property
    def shards(self) -> list[str]:
        """The keys of all shards, of all ranks."""
        return list(self._shards)

    def set_epoch(self, epoch: int) -> None:
        """Before each epoch, on every rank alike: another epoch is another order."""
        self._epoch[0] = epoch

    def state_dict(self) -> dict[str, Any]:
        """Where the iteration in this process stands. `StatefulDataLoader` asks each worker."""
        part = this_part(*self._ranks())
        return dict(self._state or self._written(part, int(self._epoch), _Place()))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iteration go on after the sample that *state* was taken at."""
        self._resume = dict(state)
        self._state = dict(state)
        self._epoch[0] = state["epoch"]

    def __getstate__(self) -> dict[str, Any]:
        # A spawned worker knows nothing of `torch.distributed`.
        return {**self.__dict__, "_rank": self._ranks()}

    def __iter__(self) -> Iterator[T_co]:
        part, epoch = this_part(*self._ranks()), int(self._epoch)
        order = f"{self._seed} {epoch}" if self._shuffle else None
        shards = shards_of(part, self._shards, shuffled_by=order)
        place, self._resume = self._begin(part, epoch), None
        self._state = self._written(part, epoch, place)
        return self._iterate(part, epoch, shards, place)

    def _iterate(
        self, part: Part, epoch: int, shards: Sequence[str], place: _Place
    ) -> Iterator[T_co]:
        """The samples from *place* on; shuffled by block."""
        with closing(self._samples(shards, place)) as samples:
            while block := list(islice(samples, max(1, self._shuffle))):
                last_shard, last, _ = block[-1]
                if self._shuffle:
                    Random(f"{self._seed} {epoch} {part} {place[:2]}").shuffle(block)  # noqa: S311
                for given, (shard, number, sample) in enumerate(block[place.given :], place.given):
                    self._state = self._written(part, epoch, place._replace(given=given + 1))
                    yield self._decoded(sample, shards[shard], number)
                place = _Place(last_shard, last + 1)

    def _samples(
        self, shards: Sequence[str], begin: _Place
    ) -> Generator[tuple[int, int, Any], None, None]:
        """Every sample with its shard and its number in there."""
        wanted = shards[begin.shard :]
        with closing(opened_ahead(self._source, wanted, self._prefetch)) as files:
            for index, (key, file) in enumerate(files, begin.shard):
                skipped = begin.sample if index == begin.shard else 0
                number = -1
                url = f"{self._url}/{key}"
                try:
                    for number, sample in enumerate(self._read(file)):
                        if number >= skipped:
                            yield index, number, sample
                except PortableError as error:
                    provider = bucket_of(self._source).provider
                    error.located(provider=provider, operation="read", resource=url)
                    raise
                except Exception as error:
                    error.add_note(f"in the shard {url}, after {number + 1} samples")
                    raise

    def _decoded(self, sample: Any, shard: str, number: int) -> T_co:
        if self._decode is None:
            return cast("T_co", sample)
        name = sample.get("__key__", number) if isinstance(sample, Mapping) else number
        with noted(f"while decoding the sample {name!r} of the shard {self._url}/{shard}"):
            return self._decode(sample)

    def _ranks(self) -> tuple[int, int]:
        return self._rank or rank_and_size()

    def _written(self, part: Part, epoch: int, place: _Place) -> dict[str, Any]:
        return {
            "epoch": epoch,
            "shard": place.shard,
            "sample": place.sample,
            "given": place.given,
            "of": self._fingerprint(part),
        }

    def _begin(self, part: Part, epoch: int) -> _Place:
        state = self._resume
        if state is None or state["epoch"] != epoch:
            return _Place()
        if state["of"] != self._fingerprint(part):
            raise InvalidArgument(
                "the position is of other shards, another seed or shuffle, or another number of "
                "ranks or workers, so it says nothing here"
            )
        return _Place(state["shard"], state["sample"], state["given"])

    def _fingerprint(self, part: Part) -> int:
        """What a position depends on."""
        text = f"{self._shards} {self._seed} {self._shuffle} {part}"
        return zlib.crc32(text.encode("utf-8", "surrogateescape"))
