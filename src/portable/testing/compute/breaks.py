"""Compute drivers that are wrong on purpose: a suite that stays green with one of them is blind.

`broken` puts one around the driver of a harness; an adapter's author can do the same.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from portable.compute.driver import ComputeDriver, Launch
from portable.compute.types import InstanceInfo
from portable.errors import InstanceNotFound, NoCapacity, PortableError, QuotaExceeded, Unavailable
from portable.testing.compute.around import ComputeDriverAround
from portable.testing.compute.harness import ComputeHarness


class IgnoresTokens(ComputeDriverAround):
    """Starts a machine for every launch."""

    def launch(self, wanted: Launch) -> InstanceInfo:
        return self.inner.launch(replace(wanted, token=str(uuid.uuid4())))


class ManglesScripts(ComputeDriverAround):
    """Takes the script for a template."""

    def launch(self, wanted: Launch) -> InstanceInfo:
        return self.inner.launch(replace(wanted, boot=wanted.boot.replace("%%", "%")))


class CutsScripts(ComputeDriverAround):
    """Sends less than it says it can."""

    def launch(self, wanted: Launch) -> InstanceInfo:
        script = wanted.boot.encode()[: self.capabilities.boot_max // 2]
        return self.inner.launch(replace(wanted, boot=script.decode(errors="ignore")))


class DropsTags(ComputeDriverAround):
    """Keeps the first one."""

    def launch(self, wanted: Launch) -> InstanceInfo:
        return self.inner.launch(
            replace(wanted, tags=dict(itertools.islice(wanted.tags.items(), 1)))
        )


class ForgetsNames(ComputeDriverAround):
    """Gives machines names of its own."""

    def launch(self, wanted: Launch) -> InstanceInfo:
        return self.inner.launch(replace(wanted, name=f"pt-{uuid.uuid4().hex[:8]}"))


class IgnoresSpot(ComputeDriverAround):
    """Starts a machine at the full price."""

    def launch(self, wanted: Launch) -> InstanceInfo:
        return self.inner.launch(replace(wanted, needs=replace(wanted.needs, spot=False)))


class IgnoresKeys(ComputeDriverAround):
    """Lets nobody in."""

    def launch(self, wanted: Launch) -> InstanceInfo:
        return self.inner.launch(replace(wanted, ssh_key=""))


class MatchesAnyTag(ComputeDriverAround):
    """Lists by the first tag alone."""

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        return self.inner.list(dict(itertools.islice(tags.items(), 1)))


class ListsFirstPage(ComputeDriverAround):
    """Stops where a page ends."""

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        return itertools.islice(self.inner.list(tags), 5)


class MissingIsError(ComputeDriverAround):
    """Raises for a machine that there isn't."""

    def get(self, id: str) -> InstanceInfo | None:
        if (found := self.inner.get(id)) is None:
            raise InstanceNotFound("there is no such machine")
        return found


class DeadIsRunning(ComputeDriverAround):
    """Tells what it saw first."""

    def __init__(self, inner: ComputeDriver) -> None:
        super().__init__(inner)
        self._seen: dict[str, InstanceInfo] = {}

    def get(self, id: str) -> InstanceInfo | None:
        found = self.inner.get(id)
        if found is not None and found.state == "running":
            self._seen[id] = found
        return self._seen.get(id, found)


class OnlyStops(ComputeDriverAround):
    """Takes a stop for an end."""

    def terminate(self, id: str) -> None:
        self.inner.stop(id)


class EndsOnce(ComputeDriverAround):
    """Complains of what has ended."""

    def terminate(self, id: str) -> None:
        found = self.inner.get(id)
        if found is None or found.state == "terminated":
            raise InstanceNotFound("there is no such machine")
        self.inner.terminate(id)


class UnseenIsGone(ComputeDriverAround):
    """Takes a machine that isn't seen yet for one that has ended."""

    def terminate(self, id: str) -> None:
        try:
            self.inner.terminate(id)
        except Unavailable:
            return


class StopsForGood(ComputeDriverAround):
    """Takes an end for a stop."""

    def stop(self, id: str) -> None:
        self.inner.terminate(id)


class CapacityIsQuota(ComputeDriverAround):
    """Sends people to ask for more where waiting would do."""

    def launch(self, wanted: Launch) -> InstanceInfo:
        try:
            return self.inner.launch(wanted)
        except NoCapacity as error:
            raise QuotaExceeded(error.message) from error.__cause__


class NothingIsAmbiguous(ComputeDriverAround):
    """Takes a lost answer for a launch that wasn't."""

    def launch(self, wanted: Launch) -> InstanceInfo:
        try:
            return self.inner.launch(wanted)
        except PortableError as error:
            error.ambiguous = False
            raise


class ClosesMachines(ComputeDriverAround):
    """Ends what it started."""

    def close(self) -> None:
        for info in self.inner.list({"portable": "1"}):
            self.inner.terminate(info.id)
        self.inner.close()


COMPUTE_BREAKS: Mapping[str, Callable[[ComputeDriver], ComputeDriver]] = {
    "ignores_tokens": IgnoresTokens,
    "mangles_scripts": ManglesScripts,
    "cuts_scripts": CutsScripts,
    "drops_tags": DropsTags,
    "forgets_names": ForgetsNames,
    "ignores_spot": IgnoresSpot,
    "ignores_keys": IgnoresKeys,
    "matches_any_tag": MatchesAnyTag,
    "lists_first_page": ListsFirstPage,
    "missing_is_error": MissingIsError,
    "dead_is_running": DeadIsRunning,
    "only_stops": OnlyStops,
    "ends_once": EndsOnce,
    "unseen_is_gone": UnseenIsGone,
    "stops_for_good": StopsForGood,
    "capacity_is_quota": CapacityIsQuota,
    "nothing_is_ambiguous": NothingIsAmbiguous,
    "closes_machines": ClosesMachines,
}


def broken(harness: ComputeHarness, name: str) -> ComputeHarness:
    """The same harness, its drivers broken by one of `COMPUTE_BREAKS`."""
    wrap = COMPUTE_BREAKS[name]
    return replace(harness, connect=lambda: wrap(harness.connect()))
