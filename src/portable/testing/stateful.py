"""A bucket and a dictionary go through the same random calls and have to agree."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from unittest import TestCase

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from portable.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    PortableError,
    PreconditionFailed,
    Unsupported,
)
from portable.storage import Bucket, ObjectInfo
from portable.testing.modelled import Modelled, bodies, edges, keys, metadatas, positions


def storage_state_machine(
    open_bucket: Callable[[], Bucket],
    *,
    examples: int = 100,
    steps: int = 40,
    derandomize: bool = True,
) -> type[TestCase]:
    """Return a test case that compares a bucket with a dictionary.

    Args:
        open_bucket: Opens an empty bucket, another one each time.
        examples: Sequences of calls.
        steps: Calls in each.
        derandomize: The same sequences every time; False looks for new ones.
    """

    class Machine(StorageMachine):
        def make_bucket(self) -> Bucket:
            return open_bucket()

    case: type[TestCase] = Machine.TestCase
    case.settings = settings(  # type: ignore[attr-defined]
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=derandomize,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    return case


class StorageMachine(Modelled):
    """The calls, each with what the model says of it."""

    def make_bucket(self) -> Bucket:
        """Open an empty bucket."""
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.bucket = self.make_bucket()

    @rule(key=keys, body=bodies, metadata=metadatas)
    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> None:
        """It replaces whatever is there."""
        self._write(key, body, metadata, self._clash(key))

    @rule(key=keys, body=bodies)
    def put_if_absent(self, key: str, body: bytes) -> None:
        """It creates, or leaves alone."""
        refused = self._clash(key)
        if not self.bucket.capabilities.put_if_absent:
            refused = Unsupported
        elif refused is None and key in self.model:
            refused = AlreadyExists
        self._write(key, body, {}, refused, if_absent=True)

    @rule(key=keys, body=bodies, fresh=st.booleans())
    def put_if_match(self, key: str, body: bytes, fresh: bool) -> None:
        """It replaces the revision named and no other."""
        there = self.model.get(key)
        revision = there.revision if fresh and there else self.stale.get(key, "no-such-revision")
        refused: type[PortableError] | None = None
        if not self.bucket.capabilities.put_if_match:
            refused = Unsupported
        elif there is None or there.revision != revision:
            refused = PreconditionFailed
        if refused is PreconditionFailed and self._clash(key):
            return  # either answer is right
        self._write(key, body, {}, refused, if_match=revision)

    @rule(key=keys, body=bodies, metadata=metadatas, publish=st.booleans(), text=st.booleans())
    def write(
        self, key: str, body: bytes, metadata: dict[str, str], publish: bool, text: bool
    ) -> None:
        """A writer publishes when it is closed and not when it is aborted."""
        clash = self._clash(key)
        mode = "wt" if text else "wb"
        try:
            with self.bucket.open(key, mode, metadata=metadata) as file:  # type: ignore[call-overload]
                file.write(body.hex() if text else body)
                if not publish:
                    file.abort()
        except Unsupported:
            assert clash is Unsupported
            return
        if publish:
            assert clash is None
            self._remember(key, body.hex().encode() if text else body, metadata, file.info)

    @rule(key=keys)
    def get(self, key: str) -> None:
        """Every byte, by every way of reading."""
        there = self.model.get(key)
        if there is None:
            self._raises(NotFound, lambda: self.bucket.get(key))
            self._raises(NotFound, lambda: self.bucket.open(key))
            return
        assert self.bucket.get(key) == there.body
        assert self.bucket.get(key, if_match=there.revision) == there.body
        with self.bucket.open(key) as file:
            assert file.read() == there.body
        if self.stale.get(key, there.revision) != there.revision:
            stale = self.stale[key]
            self._raises(PreconditionFailed, lambda: self.bucket.get(key, if_match=stale))

    @rule(key=keys, pairs=st.lists(st.tuples(positions, positions), min_size=1, max_size=3))
    def get_ranges(self, key: str, pairs: list[tuple[int | None, int | None]]) -> None:
        """They are slices."""
        there = self.model.get(key)
        if there is None:
            self._raises(NotFound, lambda: self.bucket.get_ranges(key, pairs))
            self._raises(NotFound, lambda: self.bucket.get(key, range=pairs[0]))
            return
        expected = [there.body[slice(*pair)] for pair in pairs]
        assert self.bucket.get_ranges(key, pairs) == expected
        assert self.bucket.get(key, range=pairs[0]) == expected[0]

    @rule(key=keys)
    def stat(self, key: str) -> None:
        """All that was put."""
        there = self.model.get(key)
        assert self.bucket.exists(key) == (there is not None)
        if there is None:
            self._raises(NotFound, lambda: self.bucket.stat(key))
            return
        info = self.bucket.stat(key)
        assert (info.key, info.size, info.revision) == (key, len(there.body), there.revision)
        assert (info.metadata, info.content_type) == (there.metadata, there.content_type)

    @rule(prefix=edges, after=st.none() | edges, limit=st.none() | st.integers(0, 4))
    def list_objects(self, prefix: str, after: str | None, limit: int | None) -> None:
        """Some keys, in order."""
        found = [info.key for info in self.bucket.list(prefix, start_after=after, limit=limit)]
        expected = [
            key
            for key in sorted(self.model, key=str.encode)
            if key.startswith(prefix) and key.encode() > (after or "").encode()
        ]
        assert found == expected[:limit]

    @rule(prefix=edges)
    def listdir(self, prefix: str) -> None:
        """One level."""
        level = self.bucket.listdir(prefix)
        rests = {key: key[len(prefix) :] for key in self.model if key.startswith(prefix)}
        objects = [key for key, rest in rests.items() if "/" not in rest]
        folders = {prefix + rest[: rest.index("/") + 1] for rest in rests.values() if "/" in rest}
        assert [info.key for info in level.objects] == sorted(objects, key=str.encode)
        assert level.prefixes == sorted(folders, key=str.encode)

    @rule(key=keys, missing_ok=st.booleans())
    def delete(self, key: str, missing_ok: bool) -> None:
        """It is gone, or was."""
        if key not in self.model and not missing_ok:
            self._raises(NotFound, lambda: self.bucket.delete(key, missing_ok=False))
            return
        self.bucket.delete(key, missing_ok=missing_ok)
        self._forget(key)

    @rule(several=st.lists(keys, max_size=4))
    def delete_many(self, several: list[str]) -> None:
        """All of them."""
        report = self.bucket.delete_many(several)
        assert (report.deleted, dict(report.errors)) == (len(several), {})
        for key in several:
            self._forget(key)

    @rule(prefix=edges)
    def delete_prefix(self, prefix: str) -> None:
        """What begins so, and never everything."""
        if not prefix:
            self._raises(InvalidArgument, lambda: self.bucket.delete_prefix(prefix))
            return
        gone = [key for key in self.model if key.startswith(prefix)]
        assert self.bucket.delete_prefix(prefix).deleted == len(gone)
        for key in gone:
            self._forget(key)

    @rule(source=keys, goal=keys, move=st.booleans())
    def copy(self, source: str, goal: str, move: bool) -> None:
        """The same object elsewhere; a move removes the source."""

        def transfer() -> ObjectInfo:
            call = self.bucket.move if move else self.bucket.copy
            return call(source, goal)

        there = self.model.get(source)
        if there is None:
            self._raises(NotFound, transfer)
        elif source != goal and self._clash(goal):
            self._raises(Unsupported, transfer)
        else:
            info = transfer()
            if source != goal:
                self._remember(goal, there.body, there.metadata, info, there.content_type)
                if move:
                    self._forget(source)

    @rule()
    def reopen(self) -> None:
        """Another bucket, made from the same settings, sees the same."""
        self.bucket.close()
        self.bucket = pickle.loads(pickle.dumps(self.bucket))

    @invariant()
    def agrees(self) -> None:
        """The listing is the model."""
        if not hasattr(self, "bucket"):
            return
        found = {info.key: (info.size, info.revision) for info in self.bucket.list()}
        assert found == {k: (len(each.body), each.revision) for k, each in self.model.items()}

    def teardown(self) -> None:
        if hasattr(self, "bucket"):
            self.bucket.delete_many(list(self.model))
            self.bucket.close()
