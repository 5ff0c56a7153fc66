"""`configure` holds for the process, `profile` for a block."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from portable import aio, open_bucket, open_compute, open_queue
from portable.config import configure, profile, resolve_storage
from portable.errors import ConfigError, InvalidType

Write = Callable[[str], Path]

TWO = '[alpha]\nstorage = "memory://alpha"\n[beta]\nstorage = "memory://beta"\n'


def _url() -> str:
    return resolve_storage().settings.url


def test_importing_costs_next_to_nothing() -> None:
    """What takes long to import waits until a configuration is read."""
    heavy = ["tomllib", "platformdirs", "difflib", "importlib.metadata", "ipaddress", "socket"]
    heavy += ["portable.config.resolve", "portable.config.files"]
    code = f"import sys, portable.config.code; print([m for m in {heavy} if m in sys.modules])"
    # In a package of no other content: what the whole of it imports is another test's matter.
    bare = "import sys, types, importlib.util as u; p = types.ModuleType('portable'); "
    bare += "p.__path__ = u.find_spec('portable').submodule_search_locations; "
    run = [sys.executable, "-I", "-c", f"{bare}sys.modules['portable'] = p; {code}"]
    found = subprocess.run(run, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_configure_replaces_what_was_set_and_with_nothing_forgets_it(write: Write) -> None:
    write('default = "alpha"\n' + TWO)
    configure(profile="beta", storage={"deadline": 5})
    assert resolve_storage().settings.deadline == 5
    configure(profile="beta")
    assert resolve_storage().settings.deadline == 120
    configure()
    assert _url() == "memory://alpha"


def test_configure_names_a_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the environment's, and the same one wherever the process goes then."""
    write(TWO)
    (tmp_path / "mine.toml").write_text('[mine]\nstorage = "memory://mine"\n')
    monkeypatch.setenv("PORTABLE_CONFIG", "/no/such/file.toml")
    configure(file="../mine.toml")
    monkeypatch.chdir("/")
    assert _url() == "memory://mine"
    assert resolve_storage().file == str(tmp_path / "work" / "../mine.toml")


def test_a_file_named_in_code_leaves_the_environment_in_force(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a profile that is named in code shuts it out."""
    configure(file=write('default = "alpha"\n' + TWO))
    monkeypatch.setenv("PORTABLE_PROFILE", "beta")
    monkeypatch.setenv("PORTABLE_STORAGE_DEADLINE", "3")
    assert _url() == "memory://beta"
    assert resolve_storage().settings.deadline == 3


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"profile": "gamma"}, r"configure\(profile='gamma'\): there is no profile 'gamma'"),
        ({"file": "/no/such/file.toml"}, "can't read /no/such/file.toml"),
        ({"file": "nul\0"}, "can't read"),
        ({"storage": "bucket"}, r"configure\(storage=…\): must be a table or a URL"),
        ({"storage": {"nmae": "x"}}, r"configure\(storage=…\): unknown .*mean 'name'"),
        ({"storage": {"attempts": "6"}}, "'attempts' must be a whole number, not '6'"),
        ({"storage": {"attempts": True}}, "'attempts' must be a whole number, not True"),
        ({"storage": {"deadline": float("nan")}}, "'deadline' must be a finite number"),
        ({"storage": {"name": None}}, "'name' must be text, not None"),
    ],
)
def test_what_cannot_be_used_is_refused_and_changes_nothing(
    write: Write, arguments: dict[str, object], reason: str
) -> None:
    write('default = "alpha"\n' + TWO)
    configure(profile="beta")
    with pytest.raises(ConfigError, match=reason):
        configure(**arguments)  # type: ignore[arg-type]
    assert _url() == "memory://beta"


def test_a_storage_that_is_no_url_and_no_mapping_is_the_wrong_type() -> None:
    with pytest.raises(InvalidType, match="storage must be a URL or a mapping, not a list"):
        configure(storage=["memory://"])  # type: ignore[arg-type]


@pytest.mark.parametrize("opened", [open_bucket, open_queue, open_compute, aio.open_bucket])
def test_what_is_no_name_and_no_url_is_the_wrong_type(opened: Callable[..., object]) -> None:
    """A folder's path, too: it has to be a URL."""
    with pytest.raises(InvalidType, match=r"name in the profile or by its URL.*not PosixPath"):
        opened(Path("data"))


def test_a_mapping_that_changes_later_changes_nothing() -> None:
    mine: dict[str, object] = {"provider": "memory", "name": "one"}
    configure(storage=mine)
    mine["name"] = "two"
    assert _url() == "memory://one"


def test_blocks_nest_and_end_with_an_exception(write: Write) -> None:
    write('default = "alpha"\n' + TWO)
    with profile("beta"):
        with suppress(ZeroDivisionError), profile("memory"):
            assert _url() == "memory://default"
            raise ZeroDivisionError
        assert _url() == "memory://beta"
    assert _url() == "memory://alpha"


def test_a_block_of_an_unknown_profile_is_not_entered(write: Write) -> None:
    write(TWO)
    with pytest.raises(ConfigError, match=r"with profile\('alhpa'\): .*\(did you mean 'alpha'\?"):
        with profile("alhpa"):
            pytest.fail("entered")


def test_a_function_can_be_given_a_profile(write: Write) -> None:
    write('default = "alpha"\n' + TWO)
    assert profile("beta")(_url)() == "memory://beta"
    assert _url() == "memory://alpha"


def test_a_block_holds_in_its_own_thread_only(write: Write) -> None:
    write('default = "alpha"\n' + TWO)
    with profile("beta"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(_url).result() == "memory://alpha"
        assert pool.submit(contextvars.copy_context().run, _url).result() == "memory://beta"


def test_tasks_have_blocks_of_their_own(write: Write) -> None:
    write('default = "alpha"\n' + TWO)

    async def within(name: str) -> str:
        with profile(name):
            await asyncio.sleep(0.001)
            return _url()

    async def both() -> list[str]:
        return await asyncio.gather(*(within(name) for name in ["alpha", "beta"] * 20))

    assert asyncio.run(both()) == ["memory://alpha", "memory://beta"] * 20


def test_threads_see_one_configuration_or_the_other(write: Write) -> None:
    """Never the profile of one `configure` with the storage of another."""
    write(TWO)
    stop = threading.Event()
    seen: set[tuple[str, float]] = set()

    def look() -> None:
        while not stop.is_set():
            found = resolve_storage()
            seen.add((found.profile, found.settings.deadline))

    configure(profile="alpha", storage={"deadline": 1})
    threads = [threading.Thread(target=look) for _ in range(4)]
    for each in threads:
        each.start()
    for _ in range(50):
        configure(profile="beta", storage={"deadline": 2})
        configure(profile="alpha", storage={"deadline": 1})
    stop.set()
    for each in threads:
        each.join()
    assert seen <= {("alpha", 1.0), ("beta", 2.0)}
