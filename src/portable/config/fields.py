"""An adapter's settings class as a list of fields, and values checked against them."""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from dataclasses import dataclass

from portable.adapter import ServiceSettings
from portable.config.secrets import shown
from portable.spelling import did_you_mean

_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True}
_BOOLEANS |= {"false": False, "0": False, "no": False, "off": False}


class Refused(Exception):
    """A value that a field can't take; the text completes "'name' …"."""


@dataclass(frozen=True, slots=True)
class Field:
    """One setting.

    Attributes:
        kinds: Of `str`, `int`, `float` and `bool`.
        choices: The only values, where they are few.
        path: Is it a path in the file system? The class says so in ``paths``.
        code_only: Is it refused from files, variables and URLs? The class says so in
            ``code_only``: for what lowers a guard, and mustn't come along with a checkout.
    """

    name: str
    kinds: tuple[type, ...]
    choices: tuple[object, ...]
    optional: bool
    required: bool
    path: bool
    code_only: bool

    @property
    def allowed(self) -> str:
        """What the value can be, in words."""
        words = [shown(choice) for choice in self.choices]
        words += [_KINDS[kind] for kind in self.kinds]
        return " or ".join(words)

    def checked(self, value: object) -> object:
        """Take a value that has a type: from TOML or code."""
        if value is None and self.optional:
            return None
        for choice in self.choices:
            if type(value) is type(choice) and value == choice:
                return choice
        if type(value) in self.kinds and type(value) is not float:
            return value
        if float in self.kinds and type(value) in (int, float):
            return self._finite(typing.cast("float", value))
        near = did_you_mean(value, map(str, self.choices)) if isinstance(value, str) else ""
        raise Refused(f"must be {self.allowed}, not {shown(value)}{near}")

    def parsed(self, text: str) -> object:
        """Take a value that is text: from a variable or a URL."""
        for choice in self.choices:
            if text == str(choice):
                return choice
        if bool in self.kinds and text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
        if int in self.kinds and re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            return int(text)
        if float in self.kinds and re.fullmatch(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", text):
            try:
                return self._finite(float(text))
            except ValueError:  # several dots
                pass
        return self.checked(text)

    def _finite(self, number: float) -> float:
        try:
            value = float(number)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise Refused("must be a finite number")
        return value


_known: dict[type, dict[str, Field]] = {}


def fields_of(settings: type[ServiceSettings]) -> dict[str, Field]:
    """Return the fields of a settings class by name, in its own order."""
    if settings not in _known:
        _known[settings] = _fields(settings)
    return _known[settings]


def _fields(settings: type[ServiceSettings]) -> dict[str, Field]:
    hints = typing.get_type_hints(settings)
    return {
        field.name: _field(settings, field, hints[field.name])
        for field in dataclasses.fields(settings)
        if field.init
    }


def _field(
    settings: type[ServiceSettings], field: dataclasses.Field[object], hint: object
) -> Field:
    kinds: list[type] = []
    choices: list[object] = []
    members = _members(hint)
    for member in members:
        if typing.get_origin(member) is typing.Literal:
            choices.extend(typing.get_args(member))
        elif member in _KINDS:
            kinds.append(member)
        elif member is not types.NoneType:
            raise TypeError(f"setting {field.name!r} has a type that settings can't have: {hint}")
    return Field(
        field.name,
        tuple(kinds),
        tuple(choice for choice in choices if choice is not None),
        optional=types.NoneType in members or None in choices,
        required=field.default is field.default_factory is dataclasses.MISSING,
        path=field.name in getattr(settings, "paths", ()),
        code_only=field.name in getattr(settings, "code_only", ()),
    )


def _members(hint: object) -> tuple[object, ...]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)
