"""The rules that hold the project together, as far as a program can check them."""

from __future__ import annotations

import ast
import inspect
import io
import json
import os
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

import portable
from portable.compute import Compute, Instance, Instances, Job
from portable.queue import Message, Queue
from portable.storage import Bucket

ROOT = Path(__file__).parents[1]
CORE = ROOT / "src" / "portable"
ADAPTERS = ROOT / "adapters"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# The core knows of no provider; `portable.testing` starts stand-ins for some.
CORE_FILES = [
    file for file in sorted(CORE.rglob("*.py")) if file.relative_to(CORE).parts[0] != "testing"
]
ALL_FILES = [*sorted(CORE.rglob("*.py")), *sorted(ADAPTERS.rglob("*.py"))]
SDKS = {
    "azure",
    "boto3",
    "botocore",
    "google",
    "kubernetes",
    "moto",
    "obstore",
    "psycopg",
    "s3transfer",
    "urllib3",
}
PROVIDERS = {"amazon", "aws", "azure", "boto", "boto3", "botocore", "gcp", "gcs", "google", "s3"}
MAX_LINES = 500
LIBRARIES = {
    "portable_http",
    "portable_obstore",
    "portable_sql",
}  # shared by adapters, and none themselves

# What users can do to a bucket, a queue and a compute; `close` is for those that were opened.
METHODS = {
    f"{kind.__name__}.{name}": method
    for kind in (Bucket, Queue, Compute)
    for name, method in inspect.getmembers(kind, inspect.isfunction)
    if not name.startswith("_")
}


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("file", CORE_FILES, ids=name_of)
def test_the_core_imports_no_sdk_and_no_adapter(file: Path) -> None:
    roots = {module.partition(".")[0] for module in imported(file)}
    assert not roots & SDKS
    assert not {root for root in roots if root.startswith("portable_")}


def imported(file: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.parametrize("file", CORE_FILES, ids=name_of)
def test_the_core_names_no_provider(file: Path) -> None:
    """Neither in an identifier nor as a string to compare with; texts may give examples."""
    text = file.read_text(encoding="utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    words = {
        word.lower()
        for token in tokens
        if token.type == tokenize.NAME
        for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", token.string)
    }
    strings = {
        node.value.lower().removesuffix("://")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not (words | strings) & PROVIDERS


def test_adapters_are_the_registered_entry_points() -> None:
    packages = {folder.name for folder in ADAPTERS.iterdir() if (folder / "__init__.py").exists()}
    folders = packages - LIBRARIES
    written = PROJECT["project"]["entry-points"]["portable.adapters"]
    assert written == {
        folder.removeprefix("portable_"): f"{folder}:ADAPTER" for folder in sorted(folders)
    }
    installed = distribution("portable-cloud").entry_points.select(group="portable.adapters")
    assert {point.name: point.value for point in installed} == written, "run `make test` again"


def test_the_public_names_are_these() -> None:
    assert portable.__all__ == [
        "PortableError",
        "__version__",
        "aio",
        "compute",
        "configure",
        "errors",
        "open_bucket",
        "open_compute",
        "open_queue",
        "profile",
        "queue",
        "storage",
    ]
    assert all(hasattr(portable, name) for name in portable.__all__)


def modules_after(statement: str) -> set[str]:
    program = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    found: list[str] = json.loads(shown.stdout)
    return set(found)


def test_an_import_brings_nothing_heavy() -> None:
    loaded = modules_after("import portable")
    heavy = {"asyncio", "importlib.metadata", "mimetypes", "platformdirs", "rich", "ssl", "tomllib"}
    assert not loaded & (heavy | SDKS | {"http.client", "pytest", "typer"})
    assert not {module for module in loaded if module.startswith("portable_")}


def test_compute_comes_without_storage_until_it_is_used() -> None:
    """It would take as long as all the rest."""
    loaded = modules_after("import portable.compute")
    assert not {module for module in loaded if module.startswith("portable.storage")}


def test_local_storage_brings_no_sdk_and_no_command_line(tmp_path: Path) -> None:
    loaded = modules_after(
        f"import portable; portable.open_bucket({tmp_path.as_uri()!r}).put('a', b'1')"
    )
    assert not loaded & (SDKS | {"rich", "typer", "asyncio", "pytest", "portable.cli"})


@pytest.mark.parametrize("file", ALL_FILES, ids=name_of)
def test_a_module_fits_in_a_head(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("file", ALL_FILES, ids=name_of)
def test_a_module_says_what_it_is_for(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not text or ast.get_docstring(ast.parse(text))


def test_types_reach_users() -> None:
    assert (CORE / "py.typed").exists()


def test_the_version_is_the_same_everywhere() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (top, *_) = re.findall(r"^## \[(\d[^\]]*)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert top == portable.__version__ == PROJECT["project"]["version"]


@pytest.mark.parametrize("name", METHODS)
def test_a_public_method_names_its_arguments(name: str) -> None:
    """No `**options`: a typo is an error, and an editor knows the names."""
    kinds = {each.kind for each in inspect.signature(METHODS[name]).parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}


@pytest.mark.parametrize("name", METHODS)
def test_a_public_method_says_what_it_raises(name: str) -> None:
    method = METHODS[name]
    assert method.__doc__
    if raises(method):
        assert re.search(r"Raises:\n|is raised", method.__doc__)


def raises(method: Callable[..., object]) -> bool:
    source = inspect.cleandoc("\n" + inspect.getsource(method))
    return any(isinstance(node, ast.Raise) for node in ast.walk(ast.parse(source)))


@pytest.mark.parametrize("kind", [Bucket, Queue, Message, Compute, Job, Instance, Instances])
def test_public_properties_have_docstrings(kind: type) -> None:
    for name, found in inspect.getmembers(kind, lambda each: isinstance(each, property)):
        assert name.startswith("_") or found.__doc__, name


@pytest.mark.parametrize("name", sorted(name for name in METHODS if not name.endswith(".close")))
def test_the_functions_of_the_module_are_the_methods_of_its_class(name: str) -> None:
    kind, _, plain = name.partition(".")
    services = {
        "Bucket": portable.storage,
        "Queue": portable.queue,
        "Compute": portable.compute,
    }
    module = services[kind]
    function = getattr(module, plain)
    assert function.__func__ is METHODS[name]
    signature = inspect.signature(METHODS[name])
    own = [each for each in signature.parameters.values() if each.name != "self"]
    assert inspect.signature(function) == signature.replace(parameters=own)
    assert plain in module.__all__


@pytest.mark.xdist_group("one-worker")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs all tests")
def test_a_group_of_tests_stays_on_one_worker(request: pytest.FixtureRequest) -> None:
    """Else each worker starts the group's servers; it depends on versions that fit each other."""
    assert request.node.nodeid.endswith("@one-worker")
