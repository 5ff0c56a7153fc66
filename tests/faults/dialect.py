"""All that differs between the targets of the faults: a provider, its engine and a server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from portable.adapter import Adapter, StorageSettings
from portable.errors import PortableError
from portable.storage.driver import StorageDriver
from portable.testing.faults import Answer, Request

if TYPE_CHECKING:
    from .scenes import Operation

BUCKET = "faults"
READ_TIMEOUT = 1.0
Engine = Literal["sdk", "fast"]
# What obstore carries in every fast engine; the SDK's driver does the rest there, too.
FAST_READS = frozenset(
    {
        "get small",
        "get 17 MiB, one stream",
        "get 17 MiB, parallel",
        "get range",
        "get_ranges",
        "open rb",
        "stat",
    }
)
# Of drivers with `ReadsInto`.
IN_PLACE = "get 17 MiB, in place"


class Store(Protocol):
    """A running server with one bucket, looked at past the proxy and past `portable`.

    Attributes:
        port: Of 127.0.0.1.
    """

    port: int

    def content(self, key: str) -> bytes | None:
        """What the bucket holds; `None` for nothing."""

    def revision(self, key: str) -> str:
        """As `portable` calls it."""

    def leftovers(self, prefix: str) -> int:
        """Parts of unfinished uploads.

        An upload without any costs nothing: one whose id was lost on the way stays until
        `abort_stale_uploads`.
        """

    def drop(self, prefix: str) -> None:
        """Remove every object and unfinished upload below *prefix*."""


class Dialect(ABC):
    """One target.

    Attributes:
        name: In tables: the provider and the engine.
        provider: As errors name it.
        adapter: The provider's.
        whole: CI tries all cells of its small operations, not only one or two by lot for each
            fault.
        bucket_setting: The setting that names the bucket.
        answers: Errors that such a server gives and that a call gets over, a row of the table
            each.
        only_on: The kinds of requests that a row of *answers* is for; all where it isn't named.
        failed: What the server answers when it failed.
        not_now: What it answers when it didn't carry a conditional write out and may later.
        refusals: What the server answers when something is wrong that the user has to mend, and
            the error that it is.
        publishes: The kind of the request by which an upload in parts, with a condition, becomes
            an object.
        with_answer: Kinds of requests whose answer has a body.
        with_body: Those with a body whose every bit is guarded.
        asked_again: Kinds of requests, by the operation, that are part of two of its steps, the
            second of which asks once more when the first has used up its attempts.
        asked_twice: Those that each attempt of a step may send twice, or that are part of two steps
            with attempts of their own.
        leaves: Kinds of requests, by the operation, that drop what is no longer needed: where one
            fails, one object is there until `abort_stale_uploads`.
        writes: The engine carries writes, too; else those are the SDK's, and tried there.
        reported: Faults that come once and that a call reports instead of getting over them, by
            row and operation (empty for any), each with the reason.
    """

    name: ClassVar[str]
    provider: ClassVar[str]
    adapter: ClassVar[Adapter]
    whole: ClassVar[bool] = False
    bucket_setting: ClassVar[str] = "bucket"
    answers: ClassVar[Mapping[str, Answer]]
    only_on: ClassVar[Mapping[str, frozenset[str]]] = {}
    failed: ClassVar[Answer]
    not_now: ClassVar[Answer]
    refusals: ClassVar[Mapping[str, tuple[Answer, type[PortableError]]]]
    publishes: ClassVar[str] = "commit"
    with_answer: ClassVar[frozenset[str]]
    with_body: ClassVar[frozenset[str]]
    asked_again: ClassVar[frozenset[tuple[str, str]]] = frozenset()
    asked_twice: ClassVar[frozenset[tuple[str, str]]] = frozenset()
    leaves: ClassVar[frozenset[tuple[str, str]]] = frozenset()
    writes: ClassVar[bool] = True
    reported: ClassVar[Mapping[tuple[str, str], str]] = {}

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """The variables that hold credentials; all others of the provider's are taken away."""

    @abstractmethod
    def start(self) -> AbstractContextManager[Store]:
        """Run the server, with the bucket on it.

        Raises:
            ServerUnavailable: it can't be installed or started here.
        """

    @abstractmethod
    def settings(self, endpoint: str) -> StorageSettings:
        """The bucket at *endpoint*, with short timeouts."""

    def connect(self, settings: StorageSettings) -> StorageDriver:
        """A driver."""
        assert self.adapter.storage
        return self.adapter.storage.connect(settings)

    def reusable(self, settings: StorageSettings) -> bool:
        """Does a driver serve again after `close`, so that all cells can share one?

        Said of those that take long to make.
        """
        return False

    @abstractmethod
    def kind_of(self, request: Request) -> str:
        """Which call of the provider's a request is.

        The usual ones are ``get``, ``stat``, ``list``, ``put``, ``delete``, ``delete_many``,
        ``copy``, and of an upload in parts ``begin``, ``part``, ``commit`` and ``abort``.
        """

    def takes(self, operation: Operation) -> bool:
        """Is *operation* one of this target's?"""
        return not operation.settings
