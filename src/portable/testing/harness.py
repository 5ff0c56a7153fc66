"""What the conformance suite is told about a provider, and how it looks behind a driver's back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portable.storage import Bucket


class Oracle(ABC):
    """One bucket, seen without the driver: with the provider's own SDK, or as files.

    A driver that is wrong in the same way when it writes and when it reads agrees with itself.
    The oracle doesn't. Keys are full keys, any prefix included.

    Attributes:
        describes: Can other tools store a content type and metadata? Plain files have none.
    """

    describes: bool = True

    @abstractmethod
    def read(self, key: str) -> bytes:
        """The stored bytes; any exception when there is no such object."""

    @abstractmethod
    def write(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store an object as another tool would, `portable`'s own entry left out."""

    @abstractmethod
    def keys(self) -> set[str]:
        """Every key, in no order."""

    @abstractmethod
    def metadata(self, key: str) -> Mapping[str, str]:
        """The entries as the provider stores them, `portable`'s own included."""

    def open_uploads(self) -> int:
        """Multipart uploads, or other leftovers that cost space, that no listing shows."""
        return 0

    def begin_upload(self, key: str) -> bool:
        """Begin a multipart upload and leave it; False where only the driver itself could."""
        return False

    def damage(self, key: str) -> bool:
        """Change one stored byte and nothing else that is known of it; False where it can't be."""
        return False


def _anything(_key: str) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Harness:
    """One fresh, empty bucket, and what surrounds it. Made anew for each case.

    Attributes:
        open_bucket: Opens the bucket with a prefix. Each call makes a new `Bucket`, so that a
            case can have two of them on the same objects.
        oracle: Sees the same bucket.
        other_bucket: Opens another empty bucket of the same provider; `None` where there is one
            bucket only.
        missing_bucket: Opens a bucket that doesn't exist; `None` where that can't be.
        denied_bucket: Opens a bucket that these credentials may not touch; `None` where nothing
            is ever denied.
        sdk_errors: What the SDK raises: the expected `__cause__` of an error that it raised.
        storage_class: One that the provider knows and that isn't its default.
        holds: Can the provider hold this key, which breaks the rules for writing?
        quirks: Known faults of a stand-in server, by their names in `QUIRKS`, each with its
            reason. A driver's faults are none.
        examples: How many random sequences of calls are compared with the model.
    """

    open_bucket: Callable[[str], Bucket]
    oracle: Oracle
    other_bucket: Callable[[], Bucket] | None = None
    missing_bucket: Callable[[], Bucket] | None = None
    denied_bucket: Callable[[], Bucket] | None = None
    sdk_errors: tuple[type[BaseException], ...] = ()
    storage_class: str | None = None
    holds: Callable[[str], bool] = _anything
    quirks: Mapping[str, str] = field(default_factory=dict)
    examples: int = 5
