"""A queue's settings and, in each process, its driver, retries and payloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from portable import connection
from portable.adapter import DEAD_SUFFIX, QueueSettings
from portable.errors import ConfigError, PortableError, QueueNotFound
from portable.retry import Deadline, Retry, Surroundings

if TYPE_CHECKING:
    from portable.queue.driver import QueueCapabilities, QueueDriver
    from portable.storage import Bucket

T = TypeVar("T")
E = TypeVar("E")


class Live(connection.Live):
    """What one process has of a connection."""

    driver: QueueDriver
    capabilities: QueueCapabilities


@dataclass(slots=True, kw_only=True)
class Connection(connection.Connection[Live]):
    """How to reach one queue.

    Attributes:
        make: Makes a driver from settings: this queue's, and its dead letters'.
        payloads: Opens the bucket for bodies that are too large.
    """

    HOLDS: ClassVar[str] = "messages"

    settings: QueueSettings
    make: Callable[[QueueSettings], QueueDriver]
    payloads: Callable[[], Bucket] | None = None
    _dead: Connection | None = None
    _store: Bucket | None = None

    @property
    def driver(self) -> QueueDriver:
        """This process's driver."""
        return self.live.driver

    @property
    def capabilities(self) -> QueueCapabilities:
        """The driver's."""
        return self.live.capabilities

    @property
    def dead_letters(self) -> Connection | None:
        """The queue that dead letters go to; `None` for one that is such a queue itself."""
        if self._dead is None and not self.settings.name.endswith(DEAD_SUFFIX):
            self._dead = opened(
                self.make,
                self.settings.dead_letters,
                self.provider,
                self.surroundings,
                payloads=self.payloads,
            )
        return self._dead

    @property
    def store(self) -> Bucket:
        """Where bodies are that are too large for the provider."""
        if self._store is None:
            if self.payloads is None:
                raise ConfigError(
                    "this queue has no storage for bodies that are too large for the provider; "
                    "give the profile a 'storage', or the queue the setting 'payloads'"
                )
            self._store = self.payloads()
        return self._store

    def _open(self, retry: Retry) -> Live:
        return Live(self.connect(), retry)

    def request(
        self,
        send: Callable[[QueueDriver], T],
        *,
        deadline: Deadline | None = None,
        create: bool = True,
    ) -> T:
        """One request with retries; a missing queue is made, where the settings say so, too."""
        live = self.live
        call = partial(send, live.driver)
        try:
            return live.retry.call(call, deadline=deadline)
        except QueueNotFound:
            if not (create and self.settings.create):
                raise
        live.retry.call(live.driver.create, deadline=deadline)
        return live.retry.call(call, deadline=deadline)

    def one(
        self,
        entry: E,
        send: Callable[[QueueDriver, Sequence[E]], Sequence[T | PortableError]],
        *,
        create: bool = True,
    ) -> T | PortableError:
        """`each` for one entry, which most calls have, at half the cost."""
        unclear = False

        def attempt(driver: QueueDriver) -> T:
            nonlocal unclear
            try:
                (answer,) = send(driver, (entry,))
                if isinstance(answer, PortableError):
                    raise answer
            except PortableError as error:
                unclear = unclear or error.ambiguous
                raise
            return answer

        try:
            return self.request(attempt, create=create)
        except PortableError as error:
            error.ambiguous = error.ambiguous or unclear
            return error

    def each(
        self,
        entries: Sequence[E],
        send: Callable[[QueueDriver, Sequence[E]], Sequence[T | PortableError]],
        *,
        deadline: Deadline | None = None,
        create: bool = True,
    ) -> list[T | PortableError]:
        """One request for several entries; those that may still succeed are sent again.

        Returns:
            For each entry its answer, or the error that ended its attempts: `ambiguous` when
            one of them may have been carried out.
        """
        answers: list[T | PortableError | None] = [None] * len(entries)
        unclear: set[int] = set()
        pending: Sequence[int] = range(len(entries))

        def attempt(driver: QueueDriver) -> None:
            nonlocal pending
            asked = entries if len(pending) == len(entries) else [entries[at] for at in pending]
            try:
                found = send(driver, asked)
            except PortableError as error:
                if error.ambiguous:
                    unclear.update(pending)
                raise
            again = []
            for at, answer in zip(pending, found, strict=True):
                answers[at] = answer
                if isinstance(answer, PortableError):
                    if answer.ambiguous:
                        unclear.add(at)
                    if answer.retryable:
                        again.append(at)
            pending = again
            if again:
                raise cast("PortableError", answers[again[0]])

        try:
            self.request(attempt, deadline=deadline, create=create)
        except PortableError as error:
            for at in pending:
                answers[at] = error
        for at in unclear:
            answer = answers[at]
            if isinstance(answer, PortableError):
                answer.ambiguous = True
        return cast("list[T | PortableError]", answers)

    def settle(
        self,
        receipts: Sequence[str],
        send: Callable[[QueueDriver, Sequence[str]], Sequence[T | PortableError]],
        *,
        deadline: Deadline | None = None,
    ) -> list[T | PortableError]:
        """`each` for any number of receipts."""
        most = self.capabilities.settle_max
        # No queue is made: nothing is leased in one that was made just now.
        if 0 < len(receipts) <= most:
            return self.each(receipts, send, deadline=deadline, create=False)
        answers: list[T | PortableError] = []
        for start in range(0, len(receipts), most):
            answers += self.each(
                receipts[start : start + most], send, deadline=deadline, create=False
            )
        return answers

    def close(self) -> None:
        """Drop this process's drivers; the next call makes new ones."""
        connection.Connection.close(self)
        dead, self._dead = self._dead, None
        store, self._store = self._store, None
        for each in (dead, store):
            if each is not None:
                each.close()


def opened(
    make: Callable[[QueueSettings], QueueDriver],
    settings: QueueSettings,
    provider: str,
    surroundings: Surroundings,
    *,
    payloads: Callable[[], Bucket] | None,
) -> Connection:
    """A connection to the queue of these settings; nothing is sent."""
    return Connection(
        connect=partial(make, settings),
        provider=provider,
        settings=settings,
        surroundings=surroundings,
        make=make,
        payloads=payloads,
    )
