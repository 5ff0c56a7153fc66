"""Any sequence of calls keeps the limit, drops what was used longest ago, and tells no lie."""

from __future__ import annotations

import tempfile
import uuid
from collections import OrderedDict
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from portable.cache import Cache
from portable.testing.drivers import Watch
from portable.testing.targets.memory import forget, open_memory_bucket

KEYS = st.sampled_from("abcdef")


class CacheMachine(RuleBasedStateMachine):
    """A cache beside a dictionary that is kept in the order of use."""

    @initialize(limit=st.integers(0, 40))
    def begin(self, limit: int) -> None:
        self.name = uuid.uuid4().hex
        self.bucket = open_memory_bucket(self.name)
        self.watch = Watch()
        self.folder = tempfile.TemporaryDirectory()
        self.limit = limit
        self.stored: dict[str, bytes] = {}
        self.kept: OrderedDict[str, bytes] = OrderedDict()
        self.open_cache()

    def open_cache(self) -> None:
        self.cache = Cache(
            self.watch.on(self.bucket), Path(self.folder.name) / "cache", max_bytes=self.limit
        )

    @rule(key=KEYS, size=st.integers(0, 25))
    def put(self, key: str, size: int) -> None:
        self.stored[key] = uuid.uuid4().bytes[:1] * size
        self.bucket.put(key, self.stored[key])
        # The next use replaces the old revision, which counts until then.

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        if key not in self.stored:
            return
        data = self.stored[key]
        before = self.watch.count("read")
        assert self.cache.get(key) == data
        hit = self.watch.count("read") == before
        assert hit == (self.revision(key) == self.kept.get(key))
        if hit:
            self.kept.move_to_end(key)
        elif len(data) <= self.limit:
            self.keep(key, len(data))

    def revision(self, key: str) -> bytes:
        return self.bucket.stat(key).revision.encode() + b"%d" % len(self.stored[key])

    def keep(self, key: str, size: int) -> None:
        while sum(map(size_of, self.kept.values())) + size > self.limit:
            self.kept.popitem(last=False)
        self.kept.pop(key, None)
        self.kept[key] = self.revision(key)

    @rule()
    def begin_again(self) -> None:
        """Another process opens the folder."""
        self.open_cache()

    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.kept.clear()

    @invariant()
    def holds_what_it_should(self) -> None:
        if hasattr(self, "cache"):
            used = self.cache.used_bytes()
            assert used <= self.limit
            assert used == sum(map(size_of, self.kept.values()))

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()
            forget(self.name)


def size_of(revision: bytes) -> int:
    """The model's revisions end in the size; the memory provider's are 32 hex digits."""
    return int(revision[32:])


CacheMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestCache = CacheMachine.TestCase
