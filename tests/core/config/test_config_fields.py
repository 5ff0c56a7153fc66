"""Values against the types of an adapter's settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Optional

import pytest

from portable.adapter import StorageSettings
from portable.config.fields import Refused, fields_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(StorageSettings):
    text: str
    number: int = 1
    ratio: float = 0.5
    flag: bool = False
    choice: Literal["a", "b", 3] = "a"
    maybe: int | None = None
    old: Optional[str] = None  # noqa: UP045
    either: int | str = 0
    rarely: Literal["x", None] = None  # noqa: PYI061
    hidden: int = field(default=0, init=False)


FIELDS = fields_of(Sample)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("text", "", ""),
        ("number", 5, 5),
        ("ratio", 2, 2.0),
        ("ratio", 2.5, 2.5),
        ("flag", True, True),
        ("choice", "b", "b"),
        ("choice", 3, 3),
        ("maybe", None, None),
        ("maybe", 4, 4),
        ("old", None, None),
        ("either", "x", "x"),
        ("either", 7, 7),
        ("rarely", None, None),
        ("rarely", "x", "x"),
    ],
)
def test_a_value_of_the_right_type_is_taken(name: str, value: object, expected: object) -> None:
    taken = FIELDS[name].checked(value)
    assert (taken, type(taken)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("text", 5, "must be text, not 5"),
        ("text", None, "must be text, not None"),
        ("number", 5.0, r"must be a whole number, not 5\.0"),
        ("number", True, "must be a whole number, not True"),
        ("number", "5", "must be a whole number, not '5'"),
        ("ratio", True, "must be a number, not True"),
        ("ratio", float("inf"), "must be a finite number"),
        ("ratio", 10**400, "must be a finite number"),
        ("flag", 1, "must be true or false, not 1"),
        ("choice", "A", r"must be 'a' or 'b' or 3, not 'A' \(did you mean 'a'\?\)"),
        ("choice", 3.0, r"must be 'a' or 'b' or 3, not 3\.0"),
        ("choice", ["a"], "not a list"),
        ("maybe", {}, "must be a whole number, not a table"),
        ("either", 1.5, "must be a whole number or text"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: object, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        FIELDS[name].checked(value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("text", "5", "5"),
        ("number", "-5", -5),
        ("ratio", "2", 2.0),
        ("ratio", "1e-3", 0.001),
        ("ratio", "-.5", -0.5),
        ("flag", "TRUE", True),
        ("flag", "0", False),
        ("flag", "off", False),
        ("choice", "3", 3),
        ("maybe", "4", 4),
        ("either", "4", 4),
        ("either", "four", "four"),
    ],
)
def test_text_is_read_by_the_fields_type(name: str, text: str, expected: object) -> None:
    taken = FIELDS[name].parsed(text)
    assert (taken, type(taken)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("number", "5.0"),
        ("number", " 5"),
        ("number", "5_000"),
        ("number", "٥"),
        ("number", ""),
        ("number", "9" * 5000),
        ("ratio", "1.2.3"),
        ("ratio", "nan"),
        ("ratio", "1e999"),
        ("flag", "maybe"),
        ("maybe", "none"),
        ("rarely", "None"),
    ],
)
def test_text_that_the_type_cannot_be_read_from_is_refused(name: str, text: str) -> None:
    with pytest.raises(Refused, match="must be"):
        FIELDS[name].parsed(text)


def test_fields_without_a_default_are_required_and_internal_ones_are_left_out() -> None:
    assert [each.name for each in FIELDS.values() if each.required] == ["text"]
    assert "hidden" not in FIELDS
    assert list(FIELDS)[:5] == ["deadline", "attempts", "prefix", "concurrency", "text"]


def test_a_type_that_settings_cannot_have_is_the_adapters_mistake() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Wrong(StorageSettings):
        things: Any = None

    with pytest.raises(TypeError, match="setting 'things' has a type that settings can't have"):
        fields_of(Wrong)
