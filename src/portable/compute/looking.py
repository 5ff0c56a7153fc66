"""What storage says of a job: one listing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from portable.compute.shelf import Shelf
    from portable.storage import ObjectInfo

OF_RUNNER = ("started.json", "state.json", "exit.json", "log/", "results/", "out/")


@dataclass(slots=True)
class Attempt:
    """The objects of one attempt, by their names in it."""

    shard: int
    number: int
    objects: dict[str, ObjectInfo] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Was there such an object?"""
        return name in self.objects

    def at(self, name: str) -> datetime | None:
        """When it was last written, by storage's clock."""
        found = self.objects.get(name)
        return found.last_modified if found else None

    @property
    def last_sign(self) -> datetime | None:
        """When the runner last gave a sign of life."""
        signs = [
            info.last_modified for name, info in self.objects.items() if name.startswith(OF_RUNNER)
        ]
        return max(signs, default=None)

    @property
    def had_machine(self) -> bool:
        """Was one started for it, as far as anybody told?"""
        return self.has("launched.json") or self.has("started.json")

    def segments(self, kind: str) -> list[tuple[str, int]]:
        """The names and sizes of its log or results, in order."""
        return [
            (name, info.size)
            for name, info in self.objects.items()
            if name.startswith(f"{kind}/") and name.removeprefix(f"{kind}/").isdigit()
        ]


@dataclass(slots=True)
class Seen:
    """The objects of a job."""

    own: dict[str, ObjectInfo] = field(default_factory=dict)
    shards: dict[int, list[Attempt]] = field(default_factory=dict)

    def last(self, shard: int) -> Attempt | None:
        """A shard's newest attempt."""
        attempts = self.shards.get(shard)
        return attempts[-1] if attempts else None

    def attempts(self) -> list[Attempt]:
        """All of them, by shard."""
        return [each for shard in sorted(self.shards) for each in self.shards[shard]]

    def tries(self, shard: int) -> int:
        """How many machines were started for a shard."""
        return sum(each.had_machine for each in self.shards.get(shard, ()))

    @property
    def most_tries(self) -> int:
        """How many machines were started for the shard that took the most."""
        return max(map(self.tries, self.shards), default=0)


def look(shelf: Shelf, id: str) -> Seen:
    """List a job's objects."""
    found: dict[tuple[int, int], Attempt] = {}
    seen = Seen()
    home = shelf.job(id)
    for info in shelf.of_job(id):
        name = info.key.removeprefix(home)
        parts = name.split("/", 2)
        if len(parts) == 3 and parts[0].isdigit() and parts[1].isdigit():
            place = (int(parts[0]), int(parts[1]))
            attempt = found.setdefault(place, Attempt(*place))
            attempt.objects[parts[2]] = info
        else:
            seen.own[name] = info
    for shard, number in sorted(found):
        seen.shards.setdefault(shard, []).append(found[shard, number])
    return seen
