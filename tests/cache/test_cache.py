"""Objects read through a folder: what is asked for, what is kept, what is noticed."""

from __future__ import annotations

import errno
import os
import pickle
import threading
from pathlib import Path

import pytest

from portable.cache import Cache
from portable.errors import InvalidArgument, InvalidKey, NoSpace, NotFound, Unavailable
from portable.storage import Bucket
from portable.testing.drivers import Watch
from portable.testing.targets.memory import open_memory_bucket
from tests.cache.looking import MakeCache, files


def test_a_second_use_reads_the_local_file(make: MakeCache, bucket: Bucket, watch: Watch) -> None:
    bucket.put("a/shard.tar", b"content")
    cache = make()
    assert cache.get("a/shard.tar") == b"content"
    with cache.open("a/shard.tar") as file:
        assert file.read(3) == b"con"
        file.seek(0)
        assert file.read() == b"content"
    with cache.path("a/shard.tar") as path:
        assert path.suffix == ".tar"
        assert path.read_bytes() == b"content"
    assert watch.calls == ["stat", "read", "stat", "stat"]


def test_an_object_that_was_replaced_is_fetched_again(
    make: MakeCache, bucket: Bucket, watch: Watch
) -> None:
    cache = make()
    for content in (b"old", b"new"):
        bucket.put("a", content)
        assert cache.get("a") == content
        assert cache.get("a") == content
    assert watch.count("read") == 2
    assert len(files(cache)) == 1
    assert cache.used_bytes() == 3


def test_immutable_objects_cost_no_request_once_they_are_there(
    make: MakeCache, bucket: Bucket, watch: Watch
) -> None:
    bucket.put("a", b"content")
    make(immutable=True).get("a")
    watch.calls.clear()
    again = make(immutable=True)
    assert again.get("a") == b"content"
    with again.path("a"):
        pass
    assert watch.calls == []


def test_errors_are_the_bucket_s(make: MakeCache, watch: Watch, bucket: Bucket) -> None:
    cache = make()
    with pytest.raises(NotFound, match="missing"):
        cache.get("missing")
    with pytest.raises(NotFound), cache.path("missing"):
        pass
    with pytest.raises(InvalidKey):
        cache.get("")
    bucket.put("a", b"1")

    def fail(name: str, _key: str) -> None:
        if name == "read":
            raise Unavailable("down", retryable=False)

    watch.before = fail
    with pytest.raises(Unavailable):
        cache.get("a")
    assert files(cache) == []
    watch.before = None
    assert cache.get("a") == b"1"


def test_buckets_share_a_folder_and_keep_apart(tmp_path: Path) -> None:
    one, two = open_memory_bucket("cache-one"), open_memory_bucket("cache-two")
    for bucket in (one, two):
        bucket.put("a", bucket.url.encode())
    caches = [Cache(bucket, tmp_path) for bucket in (one, two)]
    for _ in range(2):
        assert [cache.get("a") for cache in caches] == [one.url.encode(), two.url.encode()]
    caches[0].clear()
    assert caches[1].used_bytes() == 0


def test_an_object_that_does_not_fit_is_streamed(
    make: MakeCache, bucket: Bucket, watch: Watch
) -> None:
    bucket.put("large", b"x" * 100)
    bucket.put("small", b"y" * 10)
    cache = make(max_bytes=50)
    assert cache.get("small") == b"y" * 10
    assert cache.get("large") == b"x" * 100
    with cache.open("large") as file:
        assert file.read(5) == b"xxxxx"
    with cache.path("large") as path:
        assert path.read_bytes() == b"x" * 100
        assert cache.used_bytes() == 110
    assert not path.exists()
    watch.calls.clear()
    assert cache.get("small") == b"y" * 10
    assert watch.count("read") == 0
    assert make(max_bytes=0).get("small") == b"y" * 10


@pytest.mark.parametrize("cached", [False, True])
def test_what_is_being_used_is_not_removed(make: MakeCache, bucket: Bucket, cached: bool) -> None:
    for key in "abc":
        bucket.put(key, key.encode() * 10)
    cache = make(max_bytes=20)
    if cached:
        cache.get("a")
        cache.get("b")
    with cache.path("a") as path, cache.open("b") as file:
        assert cache.get("c") == b"c" * 10  # read through: both places are taken
        assert cache.used_bytes() == 20
        cache.clear()
        assert path.read_bytes() == b"a" * 10
        assert file.read() == b"b" * 10
    assert cache.get("c") == b"c" * 10
    assert not path.exists()
    assert cache.used_bytes() == 20


def test_what_was_used_longest_ago_makes_room(
    make: MakeCache, bucket: Bucket, watch: Watch
) -> None:
    for key in "abc":
        bucket.put(key, key.encode() * 10)
    cache = make(max_bytes=20)
    for key in "abac":
        cache.get(key)
    watch.calls.clear()
    cache.get("a")
    assert watch.count("read") == 0
    cache.get("b")
    assert watch.count("read") == 1


def test_a_replaced_object_stays_for_those_who_have_it(make: MakeCache, bucket: Bucket) -> None:
    cache = make()
    bucket.put("a", b"old")
    with cache.path("a") as old:
        bucket.put("a", b"newer")
        assert cache.get("a") == b"newer"
        assert old.read_bytes() == b"old"


@pytest.mark.parametrize("damage", ["byte", "short", "long", "empty"])
@pytest.mark.parametrize("immutable", [False, True])
def test_a_damaged_file_is_noticed_and_fetched_again(
    make: MakeCache,
    bucket: Bucket,
    damage: str,
    immutable: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bucket.put("a", b"content")
    cache = make(immutable=immutable)
    cache.get("a")
    (path,) = files(cache)
    damaged = {"byte": b"cXntent", "short": b"conten", "long": b"contents", "empty": b""}
    path.write_bytes(damaged[damage])
    assert cache.get("a") == b"content"
    assert "damaged" in caplog.text
    assert cache.get("a") == b"content"


def test_damage_before_the_process_began_is_noticed(make: MakeCache, bucket: Bucket) -> None:
    """A power cut leaves the right size and time, and zeros."""
    bucket.put("a", b"content")
    make().get("a")
    (path,) = files(make())
    times = path.stat()
    path.write_bytes(bytes(7))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert make().get("a") == b"content"


def test_a_full_disk_is_read_past(
    make: MakeCache,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bucket.put("a", b"content")
    cache = make()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("portable.cache._cache.os.pwrite", full)
        assert cache.get("a") == b"content"
        assert cache.get("a") == b"content"
        assert caplog.text.count("No space left") == 1
        assert files(cache) == []
        with pytest.raises(NoSpace, match="No space left"), cache.path("a"):
            pass
    assert cache.get("a") == b"content"
    assert len(files(cache)) == 1


def test_a_really_full_disk_is_read_past(bucket: Bucket, tmp_path: Path) -> None:
    """`ulimit -f` is a disk that ends after so many bytes."""
    import resource
    import signal

    bucket.put("a", b"x" * 100_000)
    cache = Cache(bucket, tmp_path / "cache")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
        assert cache.get("a") == b"x" * 100_000
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert files(cache) == []


def test_threads_that_ask_at_once_fetch_once(make: MakeCache, bucket: Bucket, watch: Watch) -> None:
    bucket.put("a", b"content")
    cache, barrier, got = make(), threading.Barrier(8), []

    def ask() -> None:
        barrier.wait()
        got.append(cache.get("a"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [b"content"] * 8
    assert watch.count("read") == 1


def test_an_object_replaced_between_two_requests_is_asked_for_again(
    make: MakeCache, bucket: Bucket, watch: Watch
) -> None:
    bucket.put("a", b"old")
    cache = make()

    def replace(name: str, _key: str) -> None:
        if name == "stat" and watch.count("stat") == 1:
            bucket.put("a", b"new")

    watch.after = replace
    assert cache.get("a") == b"new"


def test_large_objects_are_kept_whole(make: MakeCache, bucket: Bucket) -> None:
    data = os.urandom(20 * 1024**2)
    bucket.put("a", data)
    cache = make()
    assert cache.get("a") == data
    assert cache.get("a") == data


def test_a_cache_travels_into_a_worker(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a", b"1")
    cache = Cache(bucket, tmp_path / "cache", max_bytes=10, immutable=True)
    again = pickle.loads(pickle.dumps(cache))
    assert again.get("a") == b"1"
    assert (again.max_bytes, again.immutable, again.folder) == (10, True, cache.folder)


def test_arguments_that_cannot_be_meant_are_refused(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidArgument, match="cache folder"):
        Cache(bucket, tmp_path / "file")
    with pytest.raises(InvalidArgument, match="max_bytes"):
        Cache(bucket, tmp_path / "cache", max_bytes=-1)


def test_a_cache_is_private(make: MakeCache, bucket: Bucket) -> None:
    bucket.put("a", b"1")
    cache = make()
    cache.get("a")
    assert cache.folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in files(cache))
