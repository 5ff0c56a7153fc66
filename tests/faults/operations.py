"""All that faults are tried on, by name."""

from __future__ import annotations

from .reading import READS
from .writing import OTHERS, WRITES

OPERATIONS = {operation.name: operation for operation in (*READS, *WRITES, *OTHERS)}
