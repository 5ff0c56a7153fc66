"""Errors in Kubernetes' words.

https://pkg.go.dev/k8s.io/apimachinery/pkg/api/errors
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from portable.testing.fakes.rest import Refused, Reply


def status(code: int, reason: str, words: str, **details: str) -> Reply:
    """An answer that says no."""
    body: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": words,
        "reason": reason,
        "details": details,
        "code": code,
    }
    return Reply(body, code)


def refused(code: int, reason: str, words: str, **details: str) -> Refused:
    """The same, to be raised."""
    return Refused(code, status(code, reason, words, **details).body)


def not_found(kind: str, name: str, group: str = "") -> Refused:
    """Something named that there isn't."""
    full = f"{kind}.{group}" if group else kind
    words = f'{full} "{name}" not found'
    return refused(404, "NotFound", words, name=name, kind=kind, group=group)


def invalid(name: str, field: str, value: object, words: str) -> Refused:
    """A Job that can't be."""
    text = f'Job.batch "{name}" is invalid: {field}: Invalid value: {value!r}: {words}'
    return refused(422, "Invalid", text, name=name, kind="Job", group="batch")


def moment(seconds: float) -> str:
    """A time as text, in whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
