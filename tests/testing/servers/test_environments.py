"""Servers that are installed when they are needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from portable.testing.servers import (
    ServerUnavailable,
    _environments,
    servers_required,
    skip_or_fail,
)


class TestEnvironments:
    @pytest.fixture
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("PORTABLE_TEST_CACHE", str(tmp_path / "cache"))
        return tmp_path / "cache"

    def test_without_uv_it_says_what_to_install(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
        monkeypatch.setenv("PATH", "")
        with pytest.raises(ServerUnavailable, match=r"portable-cloud\[testing\]"):
            _environments.environment("x", ["six"])

    def test_what_cannot_be_installed_gives_the_reason(self, cache: Path) -> None:
        """And leaves nothing that a later call would take for complete."""
        for _ in range(2):
            with pytest.raises(ServerUnavailable, match="no-such-file"):
                _environments.environment("x", ["./no-such-file.whl"])

    def test_many_processes_make_one(self, cache: Path) -> None:
        script = (
            "from portable.testing.servers import _environments as e\n"
            "made = e._make\n"
            "def loud(*arguments): print('made'); made(*arguments)\n"
            "e._make = loud; print(e.environment('x', []))"
        )
        # uv refuses to install nothing, so what it is asked for is left out.
        script = script.replace("e._make = loud", "e._make = loud; e._uv = quiet")
        script = script.replace(
            "def loud", "uv = e._uv\ndef quiet(*a): a[0] == 'venv' and uv(*a)\ndef loud"
        )
        processes = [
            subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        output = "".join(process.communicate()[0] for process in processes)
        assert output.count("made\n") == 1
        assert len({line for line in output.splitlines() if line != "made"}) == 1

    def test_an_unusable_cache_is_a_reason(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("PORTABLE_TEST_CACHE", str(tmp_path / "file"))
        with pytest.raises(ServerUnavailable, match="file"):
            _environments.environment("x", ["six"])

    @pytest.mark.parametrize(
        ("ci", "required", "expected"),
        [("", "", False), ("true", "", True), ("", "1", True), ("", "0", False)],
    )
    def test_required_in_ci(
        self, monkeypatch: pytest.MonkeyPatch, ci: str, required: str, expected: bool
    ) -> None:
        monkeypatch.setenv("CI", ci)
        monkeypatch.setenv("PORTABLE_REQUIRE_SERVERS", required)
        assert servers_required() is expected
        outcome = pytest.fail.Exception if expected else pytest.skip.Exception
        with pytest.raises(outcome, match="why"):
            skip_or_fail(ServerUnavailable("why"))
