"""One check after another, none of which ends the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from portable import discovery
from portable.errors import (
    BucketNotFound,
    ClockSkew,
    DeadlineExceeded,
    PermissionDenied,
    PortableError,
    QueueNotFound,
    Unauthenticated,
    Unavailable,
)

if TYPE_CHECKING:
    from portable.queue import Queue
    from portable.storage import Bucket

Status = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one check found.

    Attributes:
        detail: What was seen, or why it was skipped.
        advice: What to do; empty unless it failed.
    """

    section: str
    name: str
    status: Status
    detail: str = ""
    advice: str = ""


class Skipped(Exception):
    """There is nothing to check here; the text says why."""


class Failed(Exception):
    """It doesn't work, though no call failed."""

    def __init__(self, detail: str, advice: str = "") -> None:
        super().__init__(detail)
        self.advice = advice


class Checks:
    """Runs checks and keeps what they found.

    Attributes:
        done: In the order they ran.
    """

    def __init__(self, *, show: Callable[[Check], None] | None) -> None:
        self.done: list[Check] = []
        self._show = show

    @property
    def all_well(self) -> bool:
        """Nothing failed."""
        return all(check.status != "failed" for check in self.done)

    def failed(self, *names: str) -> list[str]:
        """Which of the checks *names* didn't succeed."""
        return [each.name for each in self.done if each.name in names and each.status == "failed"]

    def run(
        self,
        section: str,
        name: str,
        prove: Callable[[], str],
        *,
        needs: tuple[str, ...] = (),
        bucket: Bucket | Queue | None = None,
        operation: str = "",
    ) -> None:
        """Run one check.

        Args:
            prove: Returns what it saw, or raises.
            needs: Checks without which this one makes no sense.
            bucket: Or queue, whose provider's words the advice uses.
            operation: As in `Adapter.permissions`, or what to allow.
        """
        if missing := self.failed(*needs):
            self._add(section, name, "skipped", f"needs what failed above: {', '.join(missing)}")
            return
        try:
            self._add(section, name, "ok", prove())
        except Skipped as reason:
            self._add(section, name, "skipped", str(reason))
        except Failed as failure:
            self._add(section, name, "failed", str(failure), failure.advice)
        except PortableError as error:
            self._add(section, name, "failed", error.message, _advice(error, bucket, operation))

    def _add(self, section: str, name: str, status: Status, detail: str, advice: str = "") -> None:
        check = Check(section=section, name=name, status=status, detail=detail, advice=advice)
        self.done.append(check)
        if self._show is not None:
            self._show(check)


def _advice(error: PortableError, bucket: Bucket | Queue | None, operation: str) -> str:
    """What to do about *error*, in the provider's own words where the adapter has them."""
    if bucket is None:
        return ""
    # A queue's large bodies go to storage, which may be at another provider.
    adapter = discovery.adapter(error.provider or bucket.provider)
    if isinstance(error, PermissionDenied):
        permission = adapter.permissions.get(operation, f"to {operation}")
        where = bucket.url if adapter.name == bucket.provider else error.resource
        return f"allow these credentials {permission} on {where}"
    if isinstance(error, ClockSkew):
        return "set this machine's clock, for good with NTP"
    if isinstance(error, Unauthenticated):
        return adapter.credentials
    if isinstance(error, BucketNotFound):
        return f"make the bucket, or correct its name: {bucket.url}"
    if isinstance(error, QueueNotFound):
        return f"make the queue, or correct its name: {bucket.url}"
    if isinstance(error, Unavailable | DeadlineExceeded):
        return "look at the network between here and the provider, and at the provider's status"
    return ""
