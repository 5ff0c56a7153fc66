"""Processes that fork, and that are in a hurry, on Google Cloud Storage and Azure."""

from __future__ import annotations

import os

import pytest

from .clouds import Azure, Cloud
from .programs import output_of

FORKED = """
bucket.put("a", b"1" * 100_000)
file = bucket.open("a")
assert bucket.get("a") == file.read(50_000) + file.read()
file.seek(0)
file.read(10)
begin = time.monotonic()
child = os.fork()
if child == 0:
    assert bucket.get("a") == b"1" * 100_000
    bucket.put("b", b"2")
    assert file.read() == b"1" * 99_990
    assert portable.open_bucket(url).get("a", range=(0, 1)) == b"1"
    sys.exit(0)
while time.monotonic() - begin < 5:
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        assert status == 0
        assert bucket.get("b") == b"2"  # the parent goes on as before
        print("alive")
        break
    time.sleep(0.01)
else:
    os.kill(child, 9)
"""


def run(cloud: Cloud, engine: str, program: str) -> str:
    """What *program* prints; ``bucket`` is there."""
    begin = (
        "import os, sys, time, portable\n"
        f"url = {cloud.url(engine)!r}\n"
        "bucket = portable.open_bucket(url)\n"
    )
    return output_of(begin + program, cloud.environment)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_reads_soon_after_its_parent_did(cloud: Cloud) -> None:
    """obstore alone would hang there for ever."""
    assert run(cloud, "fast", FORKED) == "alive"


def test_a_get_imports_no_azure_storage_blob(azure: Azure) -> None:
    """It takes half a second."""
    azure.open("sdk").put("p/a", b"1")
    program = """
assert bucket.get("a") == b"1"
print(sorted(name for name in ("azure.core", "azure.storage.blob") if name in sys.modules))
"""
    assert run(azure, "auto", program) == "[]"
