"""The services that a profile configures, and what each is called where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portable.adapter import Adapter, Service, ServiceName


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the services.

    Attributes:
        name: Its key in a profile, its field in an `Adapter` and its argument of `configure`.
        named: The profile's table of more of them, by name.
        one: What people call one of them.
        example: A URL of one.
    """

    name: ServiceName
    named: str
    one: str
    example: str

    @property
    def variable(self) -> str:
        """The environment's variable that holds a URL for it."""
        return f"PORTABLE_{self.name.upper()}"

    @property
    def in_code(self) -> str:
        """Where a setting was written that came by `configure`."""
        return f"configure({self.name}=…)"

    def of(self, adapter: Adapter) -> Service | None:
        """What *adapter* has of it."""
        return adapter.service(self.name)


STORAGE = Kind("storage", "buckets", "bucket", "s3://…")
QUEUE = Kind("queue", "queues", "queue", "sqs://…")
COMPUTE = Kind("compute", "computes", "compute", "ec2://…")
KINDS = (STORAGE, QUEUE, COMPUTE)
