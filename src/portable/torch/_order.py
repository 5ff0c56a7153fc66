"""Which shards a worker reads, in which order: the same answer in every process that asks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from logging import getLogger
from random import Random

import torch.distributed
from torch.utils.data import get_worker_info

from portable.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Part:
    """One reader among all: a worker process of a rank.

    Attributes:
        rank: Of *ranks*.
        worker: Of *workers* of this rank; a loader without worker processes is one.
    """

    rank: int
    ranks: int
    worker: int = 0
    workers: int = 1


def rank_and_size() -> tuple[int, int]:
    """This process's rank and how many there are.

    What `torch.distributed` says; before it is set up, what `torchrun` and others leave in the
    environment; else this process is the only one.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def this_part(rank: int, ranks: int) -> Part:
    """The part of the running process, which may be a worker of a `DataLoader`."""
    worker = get_worker_info()
    if worker is None:
        return Part(rank, ranks)
    return Part(rank, ranks, worker.id, worker.num_workers)


def shards_of(part: Part, shards: Sequence[str], *, shuffled_by: str | None) -> list[str]:
    """The shards that *part* reads, each of which no other part does.

    Args:
        shuffled_by: The same text gives the same order; `None` leaves it.

    Raises:
        InvalidArgument: a rank would have none, and the others would wait for it for ever.
    """
    order = list(shards)
    if shuffled_by is not None:
        Random(shuffled_by).shuffle(order)  # noqa: S311 - not for secrets
    if len(order) < part.ranks:
        raise InvalidArgument(
            f"{len(order)} shards can't be split over {part.ranks} ranks; write smaller ones"
        )
    mine = order[part.rank :: part.ranks]
    if len(mine) < part.workers and part.worker == 0:
        getLogger("portable.torch").warning(
            "rank %d has %d shards for %d workers: some have nothing to do; write smaller shards",
            part.rank,
            len(mine),
            part.workers,
        )
    return mine[part.worker :: part.workers]
