"""A profile for each provider as TOML, and an environment as lines for a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping


def toml(profiles: Mapping[str, Mapping[str, object]]) -> str:
    """The text of a portable.toml; the first profile is the default."""
    parts = [f"default = {json.dumps(next(iter(profiles)))}\n"]
    for name, table in profiles.items():
        lines = (f"{key} = {_value(value)}\n" for key, value in table.items())
        parts.append(f"[{name}]\n{''.join(lines)}")
    return "\n".join(parts)


def shell(environment: Mapping[str, str], unset: Iterable[str]) -> str:
    """Lines that any POSIX shell can source."""
    lines = [f"unset {' '.join(unset)}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    return "".join(f"{line}\n" for line in lines)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)  # for text, numbers and booleans the two notations are one
