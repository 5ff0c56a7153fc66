"""Machines of Compute Engine, by google-cloud-compute.

That is imported when the first request is sent: its import takes seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from portable.compute.driver import Launch
from portable.compute.types import InstanceInfo
from portable.errors import InstanceNotFound
from portable_gcp.compute_settings import GceSettings
from portable_gcp.compute_shapes import (
    capabilities,
    described,
    ended,
    is_deletion,
    labelled,
    place_of,
)

if TYPE_CHECKING:
    from portable_gcp.compute_client import ComputeEngine

PAGE = 500  # https://cloud.google.com/compute/docs/reference/rest/v1/instances/aggregatedList


class GceMachines:
    """`ComputeDriver` over one zone, or over the zones of one region."""

    def __init__(self, settings: GceSettings) -> None:
        self.capabilities = capabilities(settings)
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: ComputeEngine | None = None
        self._zones: tuple[str, ...] = (settings.zone,) if settings.zone else ()

    @property
    def native(self) -> Any:
        return self._engine.instances

    def launch(self, wanted: Launch) -> InstanceInfo:
        from portable_gcp.compute_launch import launched

        self._zones = self._zones or self._zones_of_region()
        found = self._named(wanted) if len(self._zones) > 1 else None
        return found or launched(self._engine, wanted, self._zones, self._settings)

    def get(self, id: str) -> InstanceInfo | None:
        try:
            zone, name = place_of(id)
        except InstanceNotFound:
            return None
        try:
            found = self._engine.ask("instances", "get", zone=zone, instance=name)
        except InstanceNotFound:
            return ended(zone, name, self._operations(zone, name))
        return self._told(found)

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        for found in self._listed(labelled(tags)):
            yield self._told(found)

    def start(self, id: str) -> None:
        zone, name = place_of(id)
        operation = self._engine.ask("instances", "start_unary", zone=zone, instance=name)
        self._engine.settled(zone, operation)

    def stop(self, id: str) -> None:
        zone, name = place_of(id)
        self._engine.ask("instances", "stop_unary", zone=zone, instance=name)

    def terminate(self, id: str) -> None:
        try:
            zone, name = place_of(id)
            self._engine.ask("instances", "delete_unary", zone=zone, instance=name)
        except InstanceNotFound:
            return

    def close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    @property
    def _engine(self) -> ComputeEngine:
        with self._lock:
            if self._opened is None:
                from portable_gcp.compute_client import ComputeEngine

                self._opened = ComputeEngine(self._settings)
            return self._opened

    def _zones_of_region(self) -> tuple[str, ...]:
        found = self._engine.ask("regions", "get", region=self._settings.place)
        return tuple(sorted(zone.rpartition("/")[2] for zone in found.zones))

    def _named(self, wanted: Launch) -> InstanceInfo | None:
        """What an earlier try has launched, in whichever zone of the region."""
        for found in self._listed(f'(name = "{wanted.name}")'):
            info = self._told(found)
            if info.zone in self._zones:
                return info
        return None

    def _listed(self, filter: str) -> Iterator[Any]:
        pages = self._engine.each("instances", "aggregated_list", filter=filter, max_results=PAGE)
        for _, scoped in pages:
            yield from scoped.instances

    def _told(self, found: Any) -> InstanceInfo:
        """As `described`; Compute Engine has one word for stopping and for being deleted."""
        info = described(found)
        if info.state == "stopping" and is_deletion(found, self._operations(info.zone, info.name)):
            return replace(info, state="terminating")
        return info

    def _operations(self, zone: str, name: str) -> Iterator[Any]:
        """What was done with a machine, by whomever; it is known for two weeks."""
        target = f"targetLink eq .*/instances/{name}"
        return self._engine.each("operations", "list", zone=zone, filter=target)
