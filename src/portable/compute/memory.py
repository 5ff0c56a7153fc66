"""What one process has found out about a job, so that it needn't ask again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portable.compute.records import Launched, Plan
from portable.compute.reports import Exit
from portable.errors import IntegrityError

if TYPE_CHECKING:
    from portable.compute.looking import Attempt
    from portable.compute.records import JobRecord
    from portable.compute.site import Site

Place = tuple[int, int]  # a shard, an attempt


@dataclass(slots=True)
class Memory:
    """Objects that are written once, and when a machine was last asked for.

    Attributes:
        looked: When each attempt's machine was looked at, by this machine's monotonic clock.
        ended: Attempts whose machine was ended.
        tidied: Was all removed that a job leaves behind when it ends?
    """

    exits: dict[Place, Exit] = field(default_factory=dict)
    launches: dict[Place, Launched] = field(default_factory=dict)
    plans: dict[Place, Plan] = field(default_factory=dict)
    looked: dict[Place, float] = field(default_factory=dict)
    ended: set[Place] = field(default_factory=set)
    tidied: bool = False

    def exit(self, site: Site, record: JobRecord, attempt: Attempt) -> Exit | None:
        """How an attempt ended; one that can't be read counts as lost."""
        place = (attempt.shard, attempt.number)
        if place not in self.exits and attempt.has("exit.json"):
            data = site.shelf.read(site.shelf.attempt(record.id, *place, "exit.json"))
            if data is not None:
                try:
                    self.exits[place] = Exit.decoded(data)
                except IntegrityError as error:
                    self.exits[place] = Exit(reason="lost", detail=error.message)
        return self.exits.get(place)

    def launched(self, site: Site, record: JobRecord, attempt: Attempt) -> Launched | None:
        """An attempt's machine, where that is known."""
        place = (attempt.shard, attempt.number)
        if place not in self.launches and attempt.has("launched.json"):
            data = site.shelf.read(site.shelf.attempt(record.id, *place, "launched.json"))
            if data is not None:
                self.launches[place] = Launched.decoded(data)
        return self.launches.get(place)

    def plan(self, site: Site, record: JobRecord, attempt: Attempt) -> Plan | None:
        """An attempt's plan."""
        place = (attempt.shard, attempt.number)
        if place not in self.plans and attempt.has("plan.json"):
            data = site.shelf.read(site.shelf.attempt(record.id, *place, "plan.json"))
            if data is not None:
                self.plans[place] = Plan.decoded(data)
        return self.plans.get(place)
