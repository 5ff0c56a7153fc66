"""One machine, as Compute Engine knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portable.testing.fakes.gce.wording import link, moment
from portable.testing.fakes.machines import FakeMachine

OFF = frozenset({"TERMINATED", "SUSPENDED", "STOPPED"})


@dataclass(slots=True)
class Machine:
    """A machine that hasn't been deleted.

    Attributes:
        asked: The resource as its insert had it.
        real: What runs its boot script, once it has been switched on.
        hidden: How many looks still don't see it.
        run: How often it has been switched on: a deadline is one run's.
    """

    id: str
    zone: str
    asked: Mapping[str, Any]
    born: float
    number: int
    status: str = "PROVISIONING"
    real: FakeMachine | None = None
    hidden: int = 0
    run: int = 0
    is_deleted: bool = False
    disks: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of one zone's machines only this one has it."""
        return str(self.asked["name"])

    @property
    def scheduling(self) -> Mapping[str, Any]:
        """How it runs and ends."""
        found: Mapping[str, Any] = self.asked.get("scheduling", {})
        return found

    @property
    def spot(self) -> bool:
        """May it be taken away?"""
        return self.scheduling.get("provisioningModel") == "SPOT"

    @property
    def dies_deleted(self) -> bool:
        """Is it deleted, and not only stopped, by its deadline or when it is taken away?"""
        return self.scheduling.get("instanceTerminationAction") == "DELETE"

    def metadata(self, key: str) -> str:
        """One value of its metadata; empty where there is none."""
        items = self.asked.get("metadata", {}).get("items", [])
        return next((str(item["value"]) for item in items if item["key"] == key), "")

    def resource(self, project: str) -> dict[str, Any]:
        """As the API tells of it."""
        base = f"projects/{project}/zones/{self.zone}"
        return {
            **self.asked,
            "kind": "compute#instance",
            "id": self.id,
            "zone": link(base),
            "selfLink": link(f"{base}/instances/{self.name}"),
            "machineType": link(f"{base}/machineTypes/{_last(self.asked['machineType'])}"),
            "status": self.status,
            "creationTimestamp": moment(self.born),
            "disks": [
                {"boot": True, "autoDelete": True, "source": link(f"{base}/disks/{disk}")}
                for disk in self.disks
            ],
            "networkInterfaces": [
                self._interface(each) for each in self.asked["networkInterfaces"]
            ],
        }

    def _interface(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        told = {**asked, "name": "nic0", "networkIP": f"10.142.0.{self.number % 250 + 2}"}
        if self.status == "RUNNING" and "accessConfigs" in asked:
            outside = f"203.0.113.{self.number % 250 + 2}"
            told["accessConfigs"] = [{**each, "natIP": outside} for each in asked["accessConfigs"]]
        return told


def _last(url: str) -> str:
    return str(url).rpartition("/")[2]
