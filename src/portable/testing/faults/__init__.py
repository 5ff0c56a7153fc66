"""Network faults on purpose: a proxy in front of any HTTP server on this machine.

with FaultProxy(server.port) as proxy:
    proxy.add(Fault("truncate", method="GET", path="/photos/cat", at=100))
    ...  # talk to proxy.endpoint: the first GET of that object breaks off after 100 bytes
    assert len(proxy.requests) == 2  # and was sent again
"""

from portable.testing.faults._answers import (
    Answer,
    conflict,
    error_answer,
    internal_error,
    slow_down,
    too_many_requests,
)
from portable.testing.faults._proxy import FaultProxy
from portable.testing.faults._rules import Fault, Kind, Request, Rule

__all__ = [
    "Answer",
    "Fault",
    "FaultProxy",
    "Kind",
    "Request",
    "Rule",
    "conflict",
    "error_answer",
    "internal_error",
    "slow_down",
    "too_many_requests",
]
