"""One virtual machine, as Azure knows it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portable.testing.fakes.arm.wording import moment, resource_id
from portable.testing.fakes.machines import FakeMachine


@dataclass(slots=True)
class Machine:
    """A virtual machine that hasn't been deleted.

    Attributes:
        asked: As the request that made it had it.
        provisioning: What its model has come to.
        power: What it does; empty until it has a place.
        failure: The code and words of what went wrong last.
        real: What runs its boot script, once it has a place.
        hidden: How many looks still don't see it.
    """

    group: str
    name: str
    asked: Mapping[str, Any]
    born: float
    provisioning: str = "Creating"
    power: str = ""
    failure: tuple[str, str] = ("", "")
    real: FakeMachine | None = None
    hidden: int = 0
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def properties(self) -> Mapping[str, Any]:
        """As they were asked for."""
        found: Mapping[str, Any] = self.asked["properties"]
        return found

    @property
    def is_spot(self) -> bool:
        """May it be taken away?"""
        return self.properties.get("priority") == "Spot"

    @property
    def bills(self) -> bool:
        """Does it hold processors, whether anything runs on them or not?"""
        return self.power not in ("", "deallocated")

    @property
    def script(self) -> str:
        """What cloud-init runs at the first boot: a script, and nothing else that it could be."""
        data = base64.b64decode(self.properties["osProfile"].get("customData", "")).decode()
        return data if data.startswith("#!") else "#!/bin/sh\n"

    @property
    def keys(self) -> list[str]:
        """The public keys that may log in."""
        ssh = self.properties["osProfile"]["linuxConfiguration"]["ssh"]
        return [str(each["keyData"]) for each in ssh["publicKeys"]]

    def resource(self, *, with_view: bool) -> dict[str, Any]:
        """As the API tells of it; the boot script isn't told."""
        system = {k: v for k, v in self.properties["osProfile"].items() if k != "customData"}
        network = {"networkInterfaces": [{"id": self.parts["nic"]}]}
        properties = {
            **self.properties,
            "osProfile": system,
            "networkProfile": network,
            "provisioningState": self.provisioning,
            "timeCreated": moment(self.born),
        }
        if with_view:
            properties["instanceView"] = self.view()
        return {
            **self.asked,
            "id": resource_id(self.group, "Microsoft.Compute", "virtualMachines", self.name),
            "name": self.name,
            "type": "Microsoft.Compute/virtualMachines",
            "properties": properties,
        }

    def view(self) -> dict[str, Any]:
        """What it does now."""
        code = f"ProvisioningState/{self.provisioning.lower()}"
        status: dict[str, Any] = {"code": code, "level": "Info", "time": moment(self.born)}
        if self.provisioning == "Failed":
            status |= {
                "code": f"{code}/{self.failure[0]}",
                "level": "Error",
                "displayStatus": "Provisioning failed",
                "message": self.failure[1],
            }
        power = {"code": f"PowerState/{self.power}", "level": "Info"}
        return {"statuses": [status, power] if self.power else [status]}
