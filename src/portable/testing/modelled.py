"""What a bucket is compared with: a dictionary, and the keys that are worth trying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from portable.errors import PortableError, Unsupported
from portable.storage import Bucket, ObjectInfo

# Names that some system takes for each other, for folders of each other, or for its own.
KEYS = [
    "a",
    "A",
    "a/b",
    "a/b/c",
    "a-",
    "a/b-",
    "ab",
    "a b",
    "a.",
    "b/a",
    "é",
    "e\u0301",
    "con",
    "%2e",
    "%61",
    "#1?x=1&y",
    "😀/\uffee",
    "n" * 200,
    "/".join(["deep"] * 12),
]
EDGES = ["", "a", "a/", "a/b", "b", "n", "é", "z", "😀", "\U0010ffff"]
keys = st.sampled_from(KEYS)
edges = st.sampled_from(EDGES)
bodies = st.binary(max_size=24)
metadatas = st.dictionaries(
    st.sampled_from(["a", "run_id", "b2"]), st.text(max_size=6), max_size=2
).filter(lambda entries: all(_is_text(value) for value in entries.values()))
positions = st.none() | st.integers(-30, 30)


def _is_text(value: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


@dataclass(frozen=True)
class Stored:
    """What the model knows of an object."""

    body: bytes
    metadata: dict[str, str]
    content_type: str
    revision: str


class Modelled(RuleBasedStateMachine):
    """A bucket and its model.

    Attributes:
        model: The objects that have to be there.
        stale: A revision of each key that is no longer there.
    """

    bucket: Bucket

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Stored] = {}
        self.stale: dict[str, str] = {}

    def _write(
        self,
        key: str,
        body: bytes,
        metadata: dict[str, str],
        refused: type[PortableError] | None,
        **condition: Any,
    ) -> None:
        def put() -> ObjectInfo:
            return self.bucket.put(key, body, metadata=metadata, **condition)

        if refused is not None:
            self._raises(refused, put)
        else:
            self._remember(key, body, metadata, put())

    def _clash(self, key: str) -> type[PortableError] | None:
        """`Unsupported` where *key* is a folder of another or the other way, and can't be both."""
        if self.bucket.capabilities.nested_keys:
            return None
        clashes = any(
            other.startswith(f"{key}/") or key.startswith(f"{other}/") for other in self.model
        )
        return Unsupported if clashes else None

    def _remember(
        self,
        key: str,
        body: bytes,
        metadata: dict[str, str],
        info: ObjectInfo | None,
        content_type: str | None = None,
    ) -> None:
        assert info is not None
        assert (info.key, info.size, info.metadata) == (key, len(body), metadata)
        self._forget(key)
        kind = content_type or info.content_type or ""
        self.model[key] = Stored(body, dict(metadata), kind, info.revision)

    def _forget(self, key: str) -> None:
        there = self.model.pop(key, None)
        if there is not None:
            self.stale[key] = there.revision

    @staticmethod
    def _raises(kind: type[PortableError], call: Callable[[], object]) -> None:
        raised: PortableError | None = None
        try:
            call()
        except kind as error:
            raised = error
        assert raised is not None, f"{kind.__name__} wasn't raised"
        assert type(raised) is kind, f"{type(raised).__name__} in place of {kind.__name__}"
        assert raised.resource
