"""The file that ``portable init`` writes, made from what each adapter's settings say of themselves.

So a provider's settings are documented once, in its settings class.
"""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from typing import TYPE_CHECKING

from portable import discovery
from portable.adapter import StorageSettings
from portable.config.fields import Field, fields_of
from portable.errors import ConfigError, Unsupported

if TYPE_CHECKING:
    from portable.adapter import Adapter

WIDTH = 92
HEAD = """\
# Which provider is used, and with which settings. `portable config show` prints what holds and
# where each value was written; `portable doctor` proves that it works.
#
# PORTABLE_PROFILE=name chooses another profile, and PORTABLE_STORAGE=s3://bucket/prefix replaces
# its storage. Secrets don't go in this file: credentials come from each provider's own chain.
"""


def text(provider: str) -> str:
    """A file whose default profile is *provider*'s, with the others as comments.

    Raises:
        ConfigError: there is no such adapter.
        Unsupported: it has no storage.
    """
    chosen = discovery.adapter(provider)
    if chosen.storage is None:
        raise Unsupported(f"provider {provider!r} has no storage", provider=provider)
    parts = [HEAD, f"default = {json.dumps(provider)}\n", _profile(chosen)]
    others = [each for name in discovery.names() if name != provider and (each := _loaded(name))]
    if others:
        parts.append("# Profiles for the other providers:\n")
    parts += [_commented(_profile(each, brief=True)) for each in others]
    return "\n".join(parts)


def _loaded(name: str) -> Adapter | None:
    try:
        found = discovery.adapter(name)
    except ConfigError:  # another package's adapter that can't be loaded is no reason to stop
        return None
    return found if found.storage else None


def _profile(adapter: Adapter, *, brief: bool = False) -> str:
    """A profile as TOML. What isn't required is a comment; *brief* leaves it out."""
    assert adapter.storage is not None  # noqa: S101 - both callers have looked
    lines = [f"[{adapter.name}]", f"provider = {json.dumps(adapter.name)}"]
    if brief and adapter.extra:
        lines.append(f"# pip install 'portable-cloud[{adapter.extra}]'")
    if adapter.credentials:
        lines += _comment(f"Credentials: {adapter.credentials}")
    made = adapter.storage.settings
    fields = {name: field for name, field in fields_of(made).items() if _is_for_files(made, name)}
    words = _documented(made)
    for field in sorted(fields.values(), key=lambda field: not field.required):
        if brief and not field.required:
            continue
        lines += ["", *_comment(words.get(field.name, ""))]
        if field.required:
            lines.append(f"storage.{field.name} = {_example(field)}")
        else:
            lines.append(f"# storage.{field.name} = {_default(made, field)}")
    return "\n".join(lines) + "\n"


def _is_for_files(made: type[StorageSettings], name: str) -> bool:
    return name not in getattr(made, "code_only", ())


def _example(field: Field) -> str:
    if field.choices:
        return json.dumps(field.choices[0])
    return json.dumps(f"my-{field.name}") if str in field.kinds else "1"


def _default(made: type[StorageSettings], field: Field) -> str:
    value = inspect.signature(made).parameters[field.name].default
    if value is None:  # TOML has no such value
        return _example(field)
    return json.dumps(value)


def _documented(made: type[StorageSettings]) -> dict[str, str]:
    """What the ``Attributes:`` of a settings class, and of those it extends, say of each field."""
    found: dict[str, str] = {}
    for each in reversed(made.__mro__):
        _, _, section = inspect.cleandoc(each.__doc__ or "").partition("Attributes:\n")
        for name, words in re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", section, re.MULTILINE):
            found[name] = re.sub(r"\s+", " ", words).replace("``", "")
    return found


def _comment(words: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(words, WIDTH)]


def _commented(lines: str) -> str:
    return "".join(f"# {line}\n" if line else "#\n" for line in lines.splitlines())
