"""A server lives as long as whoever started it, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from portable.testing.servers import (
    S3Server,
    ServerUnavailable,
    _process,
    make_bucket,
    skip_or_fail,
)
from tests.testing.servers.starting import BUCKET, STARTERS, leftovers, started, wait_for


class TestLife:
    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Where servers put their folders: apart from those of tests that run meanwhile."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        return tmp_path

    @pytest.mark.parametrize("name", sorted(STARTERS))
    def test_nothing_is_left(self, name: str, home: Path) -> None:
        """No process, folder, socket file or open port."""
        with ExitStack() as stack:
            server = started(stack, name)
            assert len(leftovers(home, server.port)) >= 2
        assert leftovers(home, server.port) == []

    @pytest.mark.parametrize(
        ("name", "number"),
        [*((name, signal.SIGKILL) for name in sorted(STARTERS)), ("moto", signal.SIGTERM)],
    )
    def test_nothing_is_left_by_a_test_process_that_is_killed(
        self, name: str, number: int, home: Path
    ) -> None:
        script = (
            f"import time; from portable.testing.servers import {STARTERS[name].__name__} as s\n"
            "with s() as server: print(server.port, flush=True); time.sleep(60)"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            port = process.stdout.readline()
            if not port:
                skip_or_fail(ServerUnavailable(process.communicate()[1]))
            process.send_signal(number)
        wait_for(lambda: not leftovers(home, int(port)))

    def test_a_process_that_just_ends_stops_it(self, home: Path) -> None:
        """Without leaving the `with` block."""
        script = (
            "from portable.testing.servers import moto_server\n"
            "context = moto_server(); print(context.__enter__().port)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        if "ServerUnavailable" in done.stderr:
            skip_or_fail(ServerUnavailable(done.stderr))
        assert done.returncode == 0, done.stderr
        assert leftovers(home, int(done.stdout)) == []

    def test_a_fork_does_not_stop_it(self, home: Path) -> None:
        """A child that leaves by way of its exit handlers, or the `with` block, owns nothing."""
        script = (
            "import os, sys, urllib.request as u\n"
            "from portable.testing.servers import moto_server\n"
            "with moto_server() as server:\n"
            "    if not os.fork(): sys.exit()\n"
            "    os.wait(); print(u.urlopen(server.endpoint + '/moto-api/').status)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        if "ServerUnavailable" in done.stderr:
            skip_or_fail(ServerUnavailable(done.stderr))
        assert done.stdout == "200\n", done.stderr
        assert leftovers(home) == []

    def test_one_that_ends_at_once_shows_its_log(self, home: Path) -> None:
        def plan(_port: int, _folder: Path) -> _process.Plan[S3Server]:
            argv = [sys.executable, "-c", "print('no such luck'); raise SystemExit(3)"]
            return _process.Plan(argv, {}, make_ready=refuse)

        with pytest.raises(ServerUnavailable, match=r"code 3\n.*\nno such luck"):
            with _process.running("sham", plan):
                pass
        assert leftovers(home) == []

    def test_one_that_is_never_ready_shows_its_log(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def plan(_port: int, _folder: Path) -> _process.Plan[S3Server]:
            script = "import time; print('waiting', flush=True); time.sleep(60)"
            return _process.Plan([sys.executable, "-c", script], {}, make_ready=refuse)

        monkeypatch.setattr(_process, "START_SECONDS", 1.0)
        with pytest.raises(ServerUnavailable, match=r"(?s)after 1 s: not yet.*waiting"):
            with _process.running("sham", plan):
                pass
        assert leftovers(home) == []

    def test_one_that_ignores_a_request_to_stop_is_killed(self, home: Path) -> None:
        """And so is what it started."""

        def plan(port: int, folder: Path) -> _process.Plan[S3Server]:
            script = (
                "import signal, subprocess, sys, time, pathlib\n"
                "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
                f"pathlib.Path({str(folder / 'ready')!r}).touch(); time.sleep(60)"
            )

            def make_ready() -> S3Server:
                if not (folder / "ready").exists():
                    raise OSError("not yet")
                return S3Server("sham", f"http://127.0.0.1:{port}", "k", "s", "r", False)

            return _process.Plan([sys.executable, "-c", script], {}, make_ready=make_ready)

        with _process.running("sham", plan):
            pass
        assert leftovers(home) == []


def refuse() -> S3Server:
    raise OSError("not yet")


def test_servers_keep_out_of_the_callers_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile or an endpoint in the environment changes nothing."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "stale")
    with ExitStack() as stack:
        server = started(stack, "ministack")
        make_bucket(server, BUCKET)
    assert os.environ["AWS_SESSION_TOKEN"] == "stale"
