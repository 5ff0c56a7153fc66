"""The wheel, built and used in an empty environment."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USE = """
import portable
portable.storage.put("a/b.txt", b"hello")
assert portable.storage.get("a/b.txt") == b"hello"
assert portable.open_bucket("memory://x").exists("a") is False
try:
    portable.open_bucket("s3://bucket").get("a")
except portable.errors.MissingDependency as error:
    print(error)
"""


def uv(*arguments: str) -> None:
    """Run uv; what it prints is shown when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_core_every_adapter_and_nothing_else(wheel: Path) -> None:
    """A new adapter's folder is picked up by itself; papers and tests stay out."""
    names = zipfile.ZipFile(wheel).namelist()
    adapters = {path.parent.name for path in ROOT.glob("adapters/*/__init__.py")}
    tops = {name.split("/")[0] for name in names}
    assert tops == {"portable", *adapters, f"portable_cloud-{_version(wheel)}.dist-info"}
    assert {"portable/py.typed", "portable_aws/storage.py"} <= set(names)
    assert "portable/compute/catalogue/machines.csv" in names
    assert not [name for name in names if name.endswith(".md")]


@pytest.mark.xdist_group("wheel")
def test_the_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """Local and memory at once; a missing SDK gives the command that installs it."""
    home = tmp_path / "venv"
    uv("venv", "--quiet", "--python", sys.executable, str(home))
    python = home / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", str(python), str(wheel))
    used = subprocess.run(
        [python, "-W", "error", "-c", USE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert used.returncode == 0, used.stderr
    assert "pip install 'portable-cloud[aws]'" in used.stdout
    shown = subprocess.run(
        [home / "bin" / "portable", "cat", "a/b.txt"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (shown.returncode, shown.stdout) == (0, b"hello")


def _version(wheel: Path) -> str:
    return wheel.name.split("-")[1]
