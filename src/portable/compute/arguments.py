"""Arguments of jobs, checked before anything is sent."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from portable.errors import InvalidArgument, InvalidKey, InvalidType
from portable.storage.keys import check_key
from portable.values import Seconds, check_count, seconds

NAME_MAX = 40
TIMEOUT_MAX = timedelta(days=6.5).total_seconds()  # signed requests live 7 days
ENV_MAX = 64 * 1024
WORD_MAX = 128 * 1024  # Linux's MAX_ARG_STRLEN, with a NUL at the end: execve(2)
COUNT_MAX = 100_000
INDEX = "{index}"

_NAME = re.compile(r"[a-z](-?[a-z0-9])*")
_OURS = frozenset(
    {"PORTABLE_JOB", "PORTABLE_TASK_INDEX", "PORTABLE_TASK_COUNT", "PORTABLE_ATTEMPT"}
)
# By which the SDKs of clouds find who they are.
_CREDENTIALS = re.compile(
    r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|SECURITY_TOKEN|WEB_IDENTITY_TOKEN_FILE)"
    r"|(AZURE|ARM)_.*|(GOOGLE|GCP|GCLOUD|CLOUDSDK)_.*(CREDENTIAL|KEY|TOKEN).*"
    r"|(DIGITALOCEAN|DO|SPACES)_.*(TOKEN|KEY|SECRET).*|SPACES_.*|KUBECONFIG"
)


def check_name(name: object) -> str:
    """A job's name."""
    if not isinstance(name, str):
        raise InvalidType(f"name is a str, not {type(name).__name__}")
    if not _NAME.fullmatch(name) or len(name) > NAME_MAX:
        raise InvalidArgument(
            f"name is {name!r}; it is made of lower-case letters, digits and single dashes, at "
            f"most {NAME_MAX}, a letter first"
        )
    return name


def command_of(command: object) -> tuple[str, ...]:
    """What is executed: a `str` by the shell, a sequence as it is."""
    if isinstance(command, str):
        words: tuple[str, ...] = ("sh", "-c", command)
        if not command.strip():
            raise InvalidArgument("the command is empty")
    elif isinstance(command, Sequence) and not isinstance(command, bytes | bytearray):
        words = tuple(command)
        if not words or words[0] == "":
            raise InvalidArgument("the command is empty")
    else:
        raise InvalidType(
            f"command is a str, a list of them or a function, not {type(command).__name__}"
        )
    for word in words:
        if not isinstance(word, str):
            raise InvalidType(f"the command's words are str, not {type(word).__name__}: {word!r}")
        _check_text(word, "the command")
        if len(word.encode()) >= WORD_MAX:
            raise InvalidArgument(
                f"a word of the command has {len(word.encode())} bytes, and a machine takes at most "
                f"{WORD_MAX - 1}; put it into a file, which goes along when the command names it"
            )
    return words


def words_of(command: str | Sequence[str]) -> list[str]:
    """What may be the name of a file."""
    if not isinstance(command, str):
        return list(command)
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)  # "a.py;b.py" are two
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # only the shell knows what it means
        return command.split()


def check_env(env: Mapping[str, str] | None) -> dict[str, str]:
    """Variables that a job is to see."""
    if env is None:
        return {}
    if not isinstance(env, Mapping):
        raise InvalidType(f"env is a mapping of names to values, not {type(env).__name__}")
    for name, value in env.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidType(f"env has names and values of type str, unlike {name!r}")
        if not name or "=" in name or not name.isprintable():
            raise InvalidArgument(f"{name!r} can't be the name of a variable")
        if name in _OURS:
            raise InvalidArgument(f"the variable {name} is set by portable itself")
        if holds_credentials(name):
            raise InvalidArgument(
                f"the variable {name} would put a cloud's credentials on the machine, where they "
                f"outlive the job. Name what it reads in 'inputs' and what it makes in 'outputs': "
                f"that needs none"
            )
        _check_text(name, "env")
        _check_text(value, f"the variable {name}")
    if sum(len(text.encode()) for pair in env.items() for text in pair) > ENV_MAX:
        raise InvalidArgument(
            f"env has more than {ENV_MAX} bytes; put what is large into a file, with 'files'"
        )
    return dict(env)


def holds_credentials(variable: str) -> bool:
    """Is it by this variable that a cloud's SDK finds who it is?"""
    return _CREDENTIALS.fullmatch(variable) is not None


def check_places(places: Mapping[str, str] | None, what: str) -> dict[str, str]:
    """``inputs`` or ``outputs``: paths in a task's folder, and keys or prefixes."""
    if places is None:
        return {}
    if not isinstance(places, Mapping):
        raise InvalidType(f"{what} maps paths in the task's folder to keys, like {{'data': 'a/b'}}")
    found: dict[str, str] = {}
    for path, key in places.items():
        if not isinstance(path, str) or not isinstance(key, str):
            raise InvalidType(f"{what} maps str to str, unlike {path!r}: {key!r}")
        try:
            checked = check_key(path.rstrip("/"))
        except InvalidKey as error:
            raise InvalidArgument(
                f"{what}: {path!r} is no path in a task's folder: {error.message}"
            ) from error
        if checked in found:
            raise InvalidArgument(f"{what}: {checked!r} is named twice")
        found[checked] = key
    for path in found:
        for other in found:
            if path != other and path.startswith(f"{other}/"):
                raise InvalidArgument(f"{what}: {path!r} is in {other!r}, which is named too")
    return found


def check_outputs(outputs: Mapping[str, str] | None, *, count: int, ours: str) -> dict[str, str]:
    """``outputs``: an array's have each task's index in them."""
    found = check_places(outputs, "outputs")
    paths: dict[str, str] = {}  # by where they go
    for path, given in found.items():
        target = given.rstrip("/")
        if count > 1 and INDEX not in target:
            target = f"{target}/{INDEX}"
        check_target(target.replace(INDEX, "0"), ours)
        if (other := paths.setdefault(target, path)) != path:
            raise InvalidArgument(
                f"outputs: {other!r} and {path!r} would both be stored as {target!r}; give each a "
                f"place of its own"
            )
        found[path] = target
    return found


def check_target(target: str, ours: str) -> str:
    """Where an output may go: any key but the jobs' own."""
    check_key(target)
    if target == ours or target.startswith(f"{ours}/"):
        raise InvalidArgument(f"outputs: {target!r} is where jobs themselves are kept")
    return target


def check_timeout(timeout: Seconds) -> float:
    """How long a job may take."""
    if timeout is None:
        raise InvalidType("timeout is seconds: a job without an end would cost without an end")
    if isinstance(timeout, float) and not math.isfinite(timeout):
        raise InvalidArgument("timeout is finite: a job without an end would cost without an end")
    length = seconds(timeout, "timeout")
    if not 0 < length <= TIMEOUT_MAX:
        raise InvalidArgument(
            f"timeout is {length:g} s; it is above 0 and at most {TIMEOUT_MAX:g} s (6.5 days), "
            f"since what lets a machine write lives 7 days. Let a longer job store where it "
            f"stands, and submit it again"
        )
    return length


def check_retries(retries: object) -> int:
    """How often a machine that was lost is replaced."""
    if isinstance(retries, bool) or not isinstance(retries, int):
        raise InvalidType(f"retries is a whole number, not {type(retries).__name__}")
    if not 0 <= retries <= 20:
        raise InvalidArgument(f"retries is {retries}; it is from 0 to 20")
    return retries


def check_tasks(count: object) -> int:
    """How many tasks an array has."""
    number = check_count(count, "count")
    if number > COUNT_MAX:
        raise InvalidArgument(f"count is {number}; it is at most {COUNT_MAX}")
    return number


def check_money(max_usd: object) -> float | None:
    """What a job may cost."""
    if max_usd is None:
        return None
    if isinstance(max_usd, bool) or not isinstance(max_usd, int | float):
        raise InvalidType(f"max_usd is US dollars, not {type(max_usd).__name__}")
    if not 0 < max_usd < math.inf:
        raise InvalidArgument(f"max_usd is {max_usd}; it is above 0")
    return float(max_usd)


def name_of(function: Callable[..., Any]) -> str:
    """A function's name, for people."""
    return getattr(function, "__qualname__", None) or type(function).__name__


def _check_text(text: str, what: str) -> None:
    if "\0" in text:
        raise InvalidArgument(f"{what} has a NUL character")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidArgument(f"{what} isn't Unicode text: it can't be written as UTF-8")
