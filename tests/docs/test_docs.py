"""What the pages show works: each page's Python runs, its TOML resolves, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from portable.config import configure, describe, profile
from portable.testing.servers import ServerUnavailable, skip_or_fail

ROOT = Path(__file__).parents[2]
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")
# A print that says what it shows: `print(x)  # 42`.
SHOWN = re.compile(r" *print\(.*\)  # (.*)")
ELSEWHERE = {"testing-servers.md": "starts servers; tests/testing does the same with them"}
# Not among the pinned packages: without it a page isn't run on a laptop.
NEEDS = {"pytorch.md": "torch"}

PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").glob("*.md") if page.name not in ELSEWHERE),
]
LINKING = [
    *PAGES,
    *sorted((ROOT / "ADR").glob("*.md")),
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "CHANGELOG.md",
    ROOT / "adapters" / "README.md",
    ROOT / "examples" / "README.md",
]


def blocks(page: Path, language: str) -> Iterator[tuple[int, list[str]]]:
    """The page's code blocks of one language that are run: number of the first line, and lines."""
    start, ours, before = None, False, ""
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("```"):
            before = line if start is None and line.strip() else before
        elif start is None:
            start = number + 1
            ours = line.strip() == f"```{language}" and not NOT_RUN.fullmatch(before.strip())
        else:
            if ours:
                yield start, lines[start:number]
            start, before = None, ""


def script(page: Path) -> str:
    """The page's Python as one script whose line numbers are the page's."""
    lines: list[str] = ["import portable"]  # in place of the title
    for start, block in blocks(page, "python"):
        lines += [""] * (start - len(lines))
        lines += block
    return "\n".join(lines) + "\n"


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, and nothing configured."""
    for name in os.environ:
        if name.startswith(("PORTABLE_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    configure()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_and_prints_what_it_says(page: Path, clean: Path) -> None:
    if page.name in NEEDS and find_spec(NEEDS[page.name]) is None:
        skip_or_fail(ServerUnavailable(f"{NEEDS[page.name]} isn't installed: see `make help`"))
    code = script(page)
    for _, block in blocks(page, "toml"):
        (clean / "portable.toml").write_text("\n".join(block), encoding="utf-8")
    program = clean / f"page_{page.stem}.py"  # `queue.py` would hide a module
    program.write_text(code, encoding="utf-8")

    ran = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=100, check=False
    )

    assert ran.returncode == 0, f"{page.name} (its line numbers):\n{ran.stderr}"
    said = [match[1] for line in code.splitlines() if (match := SHOWN.fullmatch(line))]
    assert ran.stdout.splitlines() == said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_profile_of_a_page_resolves(page: Path, clean: Path) -> None:
    for _, block in blocks(page, "toml"):
        text = "\n".join(block)
        (clean / "portable.toml").write_text(text, encoding="utf-8")
        for name in re.findall(r"^\[([\w-]+)\]", text, re.MULTILINE):
            with profile(name):
                shown = describe()
            problems = [bucket.problem for bucket in (shown.storage, *shown.buckets)]
            assert not any(problems), problems


@pytest.mark.parametrize("page", LINKING, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name} links to {link}"


def anchors(page: Path) -> set[str]:
    """The ids that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_decision_and_example_is_in_its_index() -> None:
    for folder, kind in (("docs", "*.md"), ("ADR", "*.md"), ("examples", "*.py")):
        index = (ROOT / folder / "README.md").read_text(encoding="utf-8")
        for page in (ROOT / folder).glob(kind):
            assert page.name == "README.md" or f"]({page.name})" in index, page


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(page.name[:4]) for page in (ROOT / "ADR").glob("0*.md"))
    assert all(later == earlier + 1 for earlier, later in pairwise([0, *numbers]))


def test_a_readme_fits_a_sitting() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 180
