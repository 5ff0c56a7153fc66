"""Every error that leaves a portable call.

    PortableError
    ├── NotFound               (also FileNotFoundError)
    │   ├── BucketNotFound
    │   ├── InstanceNotFound
    │   ├── JobNotFound
    │   └── QueueNotFound
    ├── AlreadyExists          (also FileExistsError)
    ├── PreconditionFailed
    ├── ObjectChanged
    ├── PermissionDenied       (also PermissionError)
    ├── Unauthenticated
    │   ├── CredentialsExpired
    │   └── ClockSkew
    ├── InvalidArgument        (also ValueError)
    │   ├── InvalidKey
    │   └── InvalidType        (also TypeError)
    ├── EndpointRefused
    ├── Throttled
    ├── QuotaExceeded
    ├── NoCapacity
    ├── NoSpace                (also OSError)
    ├── Unavailable            (also ConnectionError)
    ├── DeadlineExceeded       (also TimeoutError)
    ├── IntegrityError
    ├── OutcomeUnknown
    ├── JobFailed
    ├── LeaseLost
    ├── NotAllSent
    ├── Unsupported
    ├── ConfigError
    └── MissingDependency      (also ImportError)

The provider's own exception, where there is one, is the ``__cause__``.
"""

from __future__ import annotations

import copyreg
from collections.abc import Mapping, Sequence
from typing import Any


class PortableError(Exception):
    """The root of the tree.

    Attributes:
        provider: The adapter's name, such as ``"aws"``; empty before one is chosen.
        operation: The call that failed, such as ``"put"``.
        resource: What it was about: an object's URL, a file and setting, an endpoint.
        retryable: The same call may succeed later, unchanged.
        ambiguous: The server may have carried the request out although no answer came.
        retry_after: Seconds the server asked to wait, or ``None``.
    """

    retryable: bool = False
    ambiguous: bool = False
    retry_after: float | None = None

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        operation: str = "",
        resource: str = "",
        retryable: bool | None = None,
        ambiguous: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.operation = operation
        self.resource = resource
        if retryable is not None:
            self.retryable = retryable
        self.ambiguous = ambiguous
        self.retry_after = retry_after

    def __str__(self) -> str:
        where = " ".join(part for part in (self.operation, self.resource) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} [{self.provider}]" if self.provider else text

    def located(self, *, provider: str, operation: str, resource: str) -> PortableError:
        """Fill in where the error happened, where it isn't known yet, and return the error."""
        self.provider = self.provider or provider
        self.operation = self.operation or operation
        self.resource = self.resource or resource
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # `BaseException` pickles `args` only, and keyword arguments would be lost.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class NotFound(PortableError, FileNotFoundError):
    """There is no such object."""


class BucketNotFound(NotFound):
    """There is no such bucket. Buckets are never made on the way."""


class QueueNotFound(NotFound):
    """There is no such queue, and the setting 'create' says not to make it."""


class InstanceNotFound(NotFound):
    """There is no such machine, or no longer."""


class JobNotFound(NotFound):
    """There is no job of that id in this storage."""


class AlreadyExists(PortableError, FileExistsError):
    """The object exists and the call asked for a new one."""


class PreconditionFailed(PortableError):
    """The object is not the revision that the call named; also when it is missing."""


class ObjectChanged(PortableError):
    """The object was replaced while it was being read, so its parts don't belong together."""


class PermissionDenied(PortableError, PermissionError):
    """The credentials are good and don't allow this."""


class Unauthenticated(PortableError):
    """There are no credentials, or the provider doesn't know them."""


class CredentialsExpired(Unauthenticated):
    """The credentials were good once."""


class ClockSkew(Unauthenticated):
    """This machine's clock is too far from the provider's for a signature to count."""


class InvalidArgument(PortableError, ValueError):
    """An argument can't be used; nothing was sent."""


class InvalidKey(InvalidArgument):
    """A key that some provider can't hold; nothing was sent."""


class InvalidType(InvalidArgument, TypeError):
    """An argument of the wrong type; nothing was sent."""


class EndpointRefused(PortableError):
    """An endpoint that would put credentials or data at risk; nothing was sent there."""


class Throttled(PortableError):
    """The provider asks for fewer requests."""

    retryable = True


class QuotaExceeded(PortableError):
    """A limit of the account is reached; waiting doesn't help."""


class NoCapacity(PortableError):
    """The provider has no such machine free now; another type, zone or time may have one."""

    retryable = True


class JobFailed(PortableError):
    """A job, or a task of one, didn't succeed; the text says which and why.

    Attributes:
        index: Of the first task that didn't.
        reason: Why, as in `JobResult`.
        log: The last lines of its log.
    """

    def __init__(
        self,
        message: str,
        *,
        index: int = 0,
        reason: str = "exit",
        log: Sequence[str] = (),
        **where: Any,
    ) -> None:
        super().__init__(message, **where)
        self.index = index
        self.reason = reason
        self.log = list(log)


class NoSpace(PortableError, OSError):
    """The disk is full. What was stored before is unharmed."""


class Unavailable(PortableError, ConnectionError):
    """The provider can't be reached, or failed in a way that may pass."""

    retryable = True


class DeadlineExceeded(PortableError, TimeoutError):
    """The call's deadline passed. The last failure is the cause."""


class IntegrityError(PortableError):
    """Data that doesn't match its checksum or its length."""


class OutcomeUnknown(PortableError):
    """The answer was lost and what happened can't be proved; the text says what to check."""


class LeaseLost(PortableError):
    """The message's lease ended before it was acknowledged."""


class NotAllSent(PortableError):
    """Some messages of a `send_many` weren't sent.

    Attributes:
        ids: One for each message, in their order: its id, or `None` where it wasn't sent.
        errors: Why, by the message's place from 0. Where one is `ambiguous`, that message may
            have arrived all the same.
    """

    def __init__(
        self,
        message: str,
        *,
        ids: Sequence[str | None] = (),
        errors: Mapping[int, PortableError] | None = None,
        **where: Any,
    ) -> None:
        super().__init__(message, **where)
        self.ids = list(ids)
        self.errors = dict(errors or {})


class Unsupported(PortableError):
    """This provider can't do it; the text says what to do instead. Nothing was sent."""


class ConfigError(PortableError):
    """The configuration can't be used; the text lists every problem found."""


class MissingDependency(PortableError, ImportError):
    """A package that this adapter needs isn't installed; the text has the command."""
