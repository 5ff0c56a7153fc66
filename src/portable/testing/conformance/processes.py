"""Other processes and threads: pickling, spawn, fork."""

from __future__ import annotations

import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from portable.storage import Bucket
from portable.testing.conformance import children
from portable.testing.conformance.base import LARGE, Cases, Raw, content, slow
from portable.testing.conformance.quirks import quirk
from portable.testing.descriptors import nothing_left_open
from portable.testing.harness import Harness

FORK_SECONDS = 5.0


class ProcessCases(Cases):
    """A bucket goes along into worker processes; its connections don't."""

    @pytest.fixture
    def shared(self, bucket: Bucket) -> None:
        """For providers whose objects other processes see."""
        if not bucket.capabilities.cross_process:
            pytest.skip("capability cross_process is off: only its refusal can be tested")

    def test_pickled_bucket_is_the_same_bucket(self, bucket: Bucket, raw: Raw) -> None:
        """Used or not, with its prefix."""
        for _ in range(2):
            copy = pickle.loads(pickle.dumps(bucket))
            assert (copy.url, copy.provider) == (bucket.url, bucket.provider)
            copy.put("key", b"by the copy")
            assert raw.keys() == {"key"}
            assert bucket.get("key") == copy.get("key") == b"by the copy"
            copy.close()

    @slow
    def test_closed_bucket_leaves_nothing_open(self, harness: Harness, raw: Raw) -> None:
        """A process may open and close as many as it likes; it has not all the descriptors."""

        def use() -> None:
            bucket = harness.open_bucket(raw.prefix.rstrip("/"))
            bucket.put("key", content(LARGE))
            assert bucket.get("key") == content(LARGE)
            with bucket.open("key") as file:
                assert file.read(1) == content(LARGE)[:1]
            assert [info.key for info in bucket.list()] == ["key"]
            bucket.close()

        use()  # what a library opens once may stay
        with nothing_left_open():
            use()

    @slow
    @quirk("in_process")
    @pytest.mark.usefixtures("shared")
    @pytest.mark.parametrize("method", ["spawn", "fork"])
    def test_child_reads_and_writes(self, bucket: Bucket, raw: Raw, method: str) -> None:
        """Small and large, beside its parent, whose connections are in use."""
        bucket.put("small", b"from the parent")
        bucket.put("large", content(LARGE))
        answer = children.run(method, children.read_and_write, bucket)
        assert answer == {"small": b"from the parent", "large": len(content(LARGE))}
        assert raw.read("child-small") == b"from the child"
        assert raw.read("child-large") == content(LARGE)
        assert bucket.get("child-small") == b"from the child"
        assert raw.open_uploads() == 0

    @slow
    @quirk("in_process")
    @pytest.mark.usefixtures("shared")
    def test_forked_child_answers_soon(self, bucket: Bucket) -> None:
        """Also when its parent's threads are in the middle of something."""
        bucket.put("key", content(LARGE))
        with ThreadPoolExecutor(4) as pool:
            reads = [pool.submit(bucket.get, "key") for _ in range(8)]
            started = time.monotonic()
            size = children.run("fork", children.read, bucket)
            assert size == LARGE
            assert time.monotonic() - started < FORK_SECONDS
            for read in reads:
                assert read.result() == content(LARGE)
        assert bucket.get("key") == content(LARGE)

    @slow
    @quirk("in_process")
    @pytest.mark.usefixtures("shared")
    def test_forked_child_leaves_its_parents_upload_alone(self, bucket: Bucket, raw: Raw) -> None:
        """Its copy of a writer neither publishes nor aborts when the child ends."""
        with bucket.open("key", "wb") as file:
            file.write(content(LARGE))
            assert children.run("fork", children.drop, file) is None
            assert raw.keys() == set()
            file.write(b"end")
        assert raw.read("key") == content(LARGE) + b"end"

    @slow
    @quirk("in_process")
    @pytest.mark.usefixtures("shared")
    def test_counter_over_processes_loses_no_increment(self, bucket: Bucket, raw: Raw) -> None:
        """Compare-and-swap holds between them too."""
        if not bucket.capabilities.put_if_match:
            pytest.skip("capability put_if_match is off")
        bucket.put("counter", b"0")
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(children.run, "spawn", children.count, bucket) for _ in range(2)]
            for each in running:
                assert each.result() == children.INCREMENTS
        assert raw.read("counter") == b"%d" % (2 * children.INCREMENTS)

    @slow
    @pytest.mark.parametrize("method", ["spawn", "fork"])
    def test_provider_of_one_process_says_so(self, bucket: Bucket, method: str) -> None:
        """A child is told that it would see nothing, not that there is nothing."""
        if bucket.capabilities.cross_process:
            pytest.skip("capability cross_process is on")
        bucket.put("key", b"x")
        answer = children.run(method, children.refusal, bucket)
        assert answer[0] == "Unsupported"
        assert "process" in answer[1]

    def test_threads_share_a_bucket(self, bucket: Bucket, raw: Raw) -> None:
        """Each gets its own bytes back."""

        def work(number: int) -> bool:
            data = content(200_000 + number)
            bucket.put(f"t/{number}", data)
            with bucket.open(f"t/{number}") as file:
                return bucket.get(f"t/{number}") == file.read() == data

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(24)))
        assert len(raw.keys()) == 24
