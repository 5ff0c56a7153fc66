"""One Droplet, as DigitalOcean knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from portable.testing.fakes.droplets.offered import sizes
from portable.testing.fakes.machines import FakeMachine


@dataclass(slots=True)
class Droplet:
    """One that was made; it costs until it is destroyed.

    Attributes:
        asked: As its request had it.
        real: What runs its user data, once it is active.
        hidden: How many looks still don't see it.
        untagged: How many listings by a tag still don't.
        lingers: How many looks still see one that is destroyed.
    """

    id: int
    asked: Mapping[str, Any]
    status: str = "new"
    real: FakeMachine | None = None
    hidden: int = 0
    untagged: int = 0
    lingers: int = 1
    is_destroyed: bool = False
    actions: list[dict[str, Any]] = field(default_factory=list)
    born: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def name(self) -> str:
        """Others may have it, too."""
        return str(self.asked["name"])

    @property
    def tags(self) -> list[str]:
        """In the order in which they were asked for."""
        return list(self.asked.get("tags") or ())

    @property
    def is_gpu(self) -> bool:
        """Is it listed apart?"""
        return str(self.asked["size"]).startswith("gpu-")

    def seen(self) -> bool:
        """Does this look see it? It counts as one."""
        if self.hidden > 0:
            self.hidden -= 1
            return False
        if self.is_destroyed:
            self.lingers -= 1
            return self.lingers >= 0
        return True

    def resource(self) -> dict[str, Any]:
        """As the API tells of it."""
        size = sizes()[self.asked["size"]]
        outside = f"203.0.113.{self.id % 250 + 2}"
        inside = {"ip_address": f"10.116.0.{self.id % 250 + 2}", "type": "private"}
        v4 = [inside, {"ip_address": outside, "type": "public"}] if self.status != "new" else []
        return {
            "id": self.id,
            "name": self.name,
            "memory": size["memory"],
            "vcpus": size["vcpus"],
            "disk": size["disk"],
            "locked": self.is_destroyed,
            "status": self.status,
            "created_at": self.born.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "features": [],
            "image": {"slug": self.asked["image"]},
            "volume_ids": [],
            "size": dict(size),
            "size_slug": size["slug"],
            "networks": {"v4": v4, "v6": []},
            "region": {"slug": self.asked["region"], "available": True},
            "tags": self.tags,
            "vpc_uuid": self.asked.get("vpc_uuid", "760e09ef-dc84-11e8-981e-3cfdfeaae000"),
        }
