"""Canaries, and a search for them in all that users, logs and other processes may see."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote

ACCESS_KEY = "AKIACANARYACCESSKEY1"
SECRET_KEY = "canary/Secret+Key/abcdefghijklmnopqrstuv"
TOKEN = "canary-session-token=="


@dataclass
class Search:
    """Looks for canaries and counts."""

    secrets: list[str] = field(default_factory=lambda: [SECRET_KEY, TOKEN])
    checks: int = 0
    hits: list[str] = field(default_factory=list)

    def look(self, where: str, text: object) -> None:
        """Search one text, as it is and percent-decoded."""
        self.checks += 1
        plain = text.decode("latin-1") if isinstance(text, bytes) else str(text)
        for secret in self.secrets:
            if secret in plain or secret in unquote(plain):
                self.hits.append(f"{where}: {secret}")

    def look_at_object(self, where: str, thing: Any) -> None:
        """Every way in which an object of ours turns into text or bytes."""
        self.look(f"{where} repr", repr(thing))
        self.look(f"{where} format", f"{thing!s:>1}" if not hasattr(thing, "url") else "")
        self.look(f"{where} vars", _vars(thing))
        self.look(f"{where} pickle", _pickled(thing))
        self.look(f"{where} copy", repr(copy.copy(thing)))
        self.look(f"{where} json", json.dumps(_vars(thing), default=repr))

    def look_at_error(self, where: str, error: BaseException) -> None:
        """Its text, its parts, and what our own frames held when it was raised."""
        self.look_at_object(where, error)
        self.look(f"{where} str", str(error))
        self.look(f"{where} traceback", "".join(traceback.format_exception(error)))
        for current in _chain(error):
            for frame, line in traceback.walk_tb(current.__traceback__):
                name = str(frame.f_globals.get("__name__"))
                if name.startswith(("portable.", "portable_aws.")):
                    shown = {n: _shown(value) for n, value in frame.f_locals.items()}
                    self.look(f"{where} locals of {name}:{line}", shown)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - a broken repr shows nothing
        return repr(error)


def _vars(thing: Any) -> Any:
    if hasattr(thing, "__dataclass_fields__"):
        return repr(asdict(thing))
    return repr(getattr(thing, "__dict__", ""))


def _pickled(thing: Any) -> bytes:
    try:
        return pickle.dumps(thing)
    except (TypeError, AttributeError, pickle.PicklingError):
        return b""
