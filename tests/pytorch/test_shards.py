"""Samples out of shards: each once, in the order that was asked for, on any worker."""

from __future__ import annotations

import itertools
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from torch.utils.data import DataLoader

from portable.cache import Cache
from portable.errors import IntegrityError, InvalidArgument, InvalidType, NotFound, PortableError
from portable.storage import Bucket
from portable.testing.drivers import Watch
from portable.torch import ObjectDataset, Sample, ShardDataset, write_shards


def number_of(sample: Sample) -> int:
    return int(sample["cls"])


def fail_at_7(sample: Sample) -> int:
    if sample["cls"] == b"7":
        raise KeyError("no label")
    return int(sample["cls"])


def lines(file: BinaryIO) -> Iterator[str]:
    for line in file:
        yield line.decode().strip()


def store(bucket: Bucket, count: int, shards: int) -> None:
    """Samples 0, 1, … in so many shards of about one size."""
    samples = [{"png": os.urandom(500), "cls": str(number)} for number in range(count)]
    size = -(-count // shards) * 2048
    assert len(write_shards(samples, bucket, "train/", max_bytes=size)) == shards


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_give_each_sample_once(bucket: Bucket, start: str, tmp_path: Path) -> None:
    """Although the parent has used the bucket before: its connections stay its own."""
    store(bucket, 60, 6)
    cache = Cache(bucket, tmp_path / "cache", immutable=True)
    # A process that is spawned imports PyTorch, which takes seconds.
    for source in (bucket, cache) if start == "fork" else (cache,):
        samples = ShardDataset(source, "train/", decode=number_of, shuffle=10)
        assert sorted(samples) == list(range(60))
        loader: DataLoader[int] = DataLoader(
            samples,
            batch_size=8,
            num_workers=2,
            multiprocessing_context=start,
            persistent_workers=True,
        )
        orders = []
        for epoch in range(2):
            samples.set_epoch(epoch)
            orders.append([int(number) for batch in loader for number in batch])
            assert sorted(orders[-1]) == list(range(60))
        assert orders[0] != orders[1]
        del loader


def test_ranks_and_workers_have_shards_of_their_own(local: Bucket) -> None:
    store(local, 70, 7)
    seen: list[int] = []
    for rank in range(3):
        samples = ShardDataset(
            local, "train/", decode=number_of, shuffle=5, seed=3, rank=rank, world_size=3
        )
        mine = list(samples)
        assert len(mine) in (20, 30)
        seen += mine
    assert sorted(seen) == list(range(70))


def test_the_rank_is_taken_from_the_environment(
    local: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(local, 20, 4)
    seen = []
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", "2")
        seen += list(ShardDataset(local, "train/", decode=number_of))
    assert sorted(seen) == list(range(20))
    monkeypatch.setenv("WORLD_SIZE", "5")
    with pytest.raises(InvalidArgument, match="4 shards can't be split over 5 ranks"):
        list(ShardDataset(local, "train/"))


def test_the_rank_is_torch_s_also_in_a_worker_that_was_spawned(
    local: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(local, 30, 3)
    samples = ShardDataset(local, "train/", decode=number_of)
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_rank", lambda: 2)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 3)
    assert list(samples) == list(range(20, 30))
    travelling = pickle.dumps(samples)
    monkeypatch.undo()
    assert list(pickle.loads(travelling)) == list(range(20, 30))


def test_the_order_is_the_seed_s_and_the_epoch_s(local: Bucket) -> None:
    store(local, 40, 4)

    def order(**options: Any) -> list[int]:
        epoch = options.pop("epoch", 0)
        samples = ShardDataset(local, "train/", decode=number_of, **options)
        samples.set_epoch(epoch)
        return list(samples)

    assert order() == list(range(40))
    assert order(shuffle=10) == order(shuffle=10) != list(range(40))
    assert order(shuffle=10) != order(shuffle=10, seed=1)
    assert order(shuffle=10) != order(shuffle=10, epoch=1)
    assert sorted(order(shuffle=1000)) == list(range(40))


@pytest.mark.parametrize("shuffle", [0, 7, 100])
def test_a_position_is_gone_on_from(local: Bucket, shuffle: int) -> None:
    store(local, 30, 3)

    def make() -> ShardDataset[int]:
        return ShardDataset(local, "train/", decode=number_of, shuffle=shuffle)

    whole = list(make())
    for taken in (0, 1, 7, 10, 13, 29, 30):
        samples = make()
        list(itertools.islice(samples, taken))
        state = json.loads(json.dumps(samples.state_dict()))
        again = make()
        again.load_state_dict(state)
        assert list(again) == whole[taken:]
        begun = iter(again)
        assert again.state_dict() == make().state_dict(), "the next epoch begins at its beginning"
        assert list(begun) == whole


def test_a_position_of_another_split_is_refused(local: Bucket) -> None:
    store(local, 30, 3)
    state = ShardDataset(local, "train/").state_dict()
    other: ShardDataset[Sample] = ShardDataset(local, "train/", rank=0, world_size=2)
    other.load_state_dict(state)
    with pytest.raises(InvalidArgument, match="position"):
        next(iter(other))


def test_a_position_skips_the_shards_before_it(local: Bucket) -> None:
    store(local, 30, 3)
    watch = Watch()
    samples = ShardDataset(watch.on(local), "train/", decode=number_of, prefetch=0)
    list(itertools.islice(samples, 25))
    again = ShardDataset(watch.on(local), "train/", decode=number_of, prefetch=0)
    again.load_state_dict(samples.state_dict())
    watch.calls.clear()
    assert list(again) == [25, 26, 27, 28, 29]
    assert watch.count("stat") == 1


def test_shards_are_opened_ahead_but_not_all(local: Bucket) -> None:
    store(local, 50, 10)
    watch = Watch()
    data: ShardDataset[Sample] = ShardDataset(watch.on(local), "train/", prefetch=3)
    samples = iter(data)
    next(samples)
    del samples
    assert 1 < watch.count("stat") <= 4


def test_other_shards_are_read_by_the_caller_s_function(local: Bucket) -> None:
    local.put("text/a", b"one\ntwo\n")
    local.put("text/b", b"three\n")
    assert list(ShardDataset(local, "text/", read=lines)) == ["one", "two", "three"]
    whole: ShardDataset[bytes] = ShardDataset(
        local, ["text/b", "text/a"], read=lambda file: [file.read()]
    )
    assert list(whole) == [b"three\n", b"one\ntwo\n"]


def test_errors_name_the_shard_and_the_sample(local: Bucket) -> None:
    store(local, 20, 2)
    with pytest.raises(KeyError) as caught:
        list(ShardDataset(local, "train/", decode=fail_at_7))
    assert caught.value.__notes__ == [
        f"while decoding the sample '000000007' of the shard {local.url}/train/000000.tar"
    ]
    local.put("bad/0.tar", local.get("train/000000.tar")[:9000])
    with pytest.raises(IntegrityError, match=r"bad/0\.tar.*000000004"):
        list(ShardDataset(local, "bad/"))
    local.put("text/0", b"\xff")
    with pytest.raises(UnicodeDecodeError) as failed:
        list(ShardDataset(local, "text/", read=lines))
    assert f"{local.url}/text/0" in failed.value.__notes__[0]


def test_an_error_in_a_worker_says_where(local: Bucket) -> None:
    """PyTorch takes 5 s to end a worker that failed: once is enough."""
    store(local, 20, 2)
    samples = ShardDataset(local, "train/", decode=fail_at_7)
    loader: DataLoader[int] = DataLoader(samples, batch_size=None, num_workers=1)
    with pytest.raises(KeyError, match=r"while decoding the sample .*train/000000\.tar"):
        list(loader)


def test_what_cannot_be_meant_is_refused(local: Bucket) -> None:
    with pytest.raises(NotFound, match="nothing-here/"):
        ShardDataset(local, "nothing-here/")
    local.put("a", b"")
    with pytest.raises(InvalidArgument, match="twice"):
        ShardDataset(local, ["a", "a"])
    with pytest.raises(InvalidArgument):
        ShardDataset(local, "a", shuffle=-1)
    with pytest.raises(InvalidArgument):
        ShardDataset(local, "a", rank=0)
    with pytest.raises(InvalidType):
        ShardDataset("bucket", "a")  # type: ignore[arg-type]


def test_objects_are_samples_by_number(bucket: Bucket) -> None:
    for number in range(20):
        bucket.put(f"one/{number:02}", str(number).encode())
    objects = ObjectDataset(bucket, "one/", decode=lambda key, data: int(data))
    assert len(objects) == 20
    assert objects[3] == 3
    loader: DataLoader[int] = DataLoader(
        objects, batch_size=8, shuffle=True, num_workers=2, multiprocessing_context="fork"
    )
    assert sorted(int(number) for batch in loader for number in batch) == list(range(20))


def test_a_missing_object_is_named(local: Bucket) -> None:
    objects: ObjectDataset[bytes] = ObjectDataset(local, ["there", "missing"])
    local.put("there", b"1")
    with pytest.raises(NotFound, match="missing"):
        objects.__getitems__([0, 1])
    failing = ObjectDataset(local, ["there"], decode=lambda key, data: json.loads(b"{"))
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        failing[0]
    assert f"{local.url}/there" in caught.value.__notes__[0]


def test_a_data_set_may_be_pickled(local: Bucket) -> None:
    store(local, 10, 2)
    samples = ShardDataset(local, "train/", decode=number_of)
    assert list(pickle.loads(pickle.dumps(samples))) == list(range(10))


def test_portable_errors_are_not_wrapped(local: Bucket) -> None:
    store(local, 10, 2)
    samples: ShardDataset[Sample] = ShardDataset(local, "train/")
    local.delete("train/000001.tar")
    with pytest.raises(PortableError, match=r"000001\.tar"):
        list(samples)
