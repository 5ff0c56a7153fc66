"""Processes that are forked, mocked, or in a hurry to start."""

from __future__ import annotations

import os

import pytest

from portable.testing.servers import S3Server

from .conftest import BUCKET
from .programs import output_of

pytestmark = pytest.mark.usefixtures("of_aws")


def run(program: str, server: S3Server, **variables: str) -> str:
    """What *program* prints; ``bucket`` is there, by the engine in ENGINE."""
    url = f"s3://{BUCKET}/processes?endpoint={server.endpoint}&region=us-east-1"
    begin = (
        "import os, sys, time, portable\n"
        f"bucket = portable.open_bucket({url!r} + '&engine=' + os.environ['ENGINE'])\n"
    )
    return output_of(begin + program, variables)


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
    again = portable.open_bucket(bucket.url + "?" + os.environ["QUERY"])
    assert again.get("a", range=(0, 1)) == b"1"
    grandchild = os.fork()
    if grandchild == 0:
        assert bucket.get("b") == b"2"
        sys.exit(0)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
while time.monotonic() - begin < 25:  # a child that hangs does so for ever
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("engine", ["auto", "fast"])
def test_a_forked_child_gets_its_bytes(server: S3Server, engine: str) -> None:
    """obstore alone would hang there for ever. The child exits in the usual way, too."""
    query = f"endpoint={server.endpoint}&region=us-east-1&engine={engine}"
    assert run(FORKED, server, ENGINE=engine, QUERY=query.replace("processes", "")) == "alive"


POOL = """
import multiprocessing
def read(number):
    return bucket.get("a")
if __name__ == "__main__":
    bucket.put("a", b"1")
    assert read(0) == b"1"
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(read, range(8)) == [b"1"] * 8
    print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_pool_of_forked_workers_reads(server: S3Server) -> None:
    """As PyTorch's DataLoader does on Linux."""
    assert run(POOL, server, ENGINE="auto") == "done"


MOCKED = """
mocked = portable.open_bucket("s3://mocked-bucket/p?region=us-east-1")
{early}
from moto import mock_aws
with mock_aws():
    import boto3
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="mocked-bucket")
    mocked.put("a", b"1")
    assert mocked.get("a") == b"1"
    assert [info.key for info in mocked.list()] == ["a"]
print("mocked")
"""


@pytest.mark.parametrize("early", ["", "bucket.put('a', b'1'); assert bucket.get('a') == b'1'"])
def test_a_mock_that_begins_after_the_bucket_was_made_works(server: S3Server, early: str) -> None:
    """`mock_aws` patches boto3 only, so that is what `auto` takes; also after obstore was used."""
    assert run(MOCKED.format(early=early), server, ENGINE="auto") == "mocked"


def test_a_mock_that_begins_first_works(server: S3Server) -> None:
    program = MOCKED.format(early="").replace("mocked = ", "import moto\nmocked = ", 1)
    assert run(program, server, ENGINE="auto") == "mocked"


def test_a_put_a_get_and_a_list_import_no_boto3(server: S3Server) -> None:
    """It takes half a second."""
    program = """
bucket.put("a", b"1")
assert bucket.get("a") == b"1"
assert "a" in [info.key for info in bucket.list()]
print(sorted(name for name in ("boto3", "botocore") if name in sys.modules))
"""
    assert run(program, server, ENGINE="auto") == "[]"


def test_a_bucket_travels_to_a_spawned_process(server: S3Server) -> None:
    """Where obstore works as usual."""
    program = """
import pickle, subprocess
bucket.put("a", b"1"); bucket.get("a")
code = (
    "import pickle, sys; bucket = pickle.load(sys.stdin.buffer); print(bucket.get('a')); "
    "print('boto3' in sys.modules)"
)
done = subprocess.run(
    [sys.executable, "-c", code], input=pickle.dumps(bucket), capture_output=True, check=True
)
print(done.stdout.decode().split())
"""
    assert run(program, server, ENGINE="auto") == "[\"b'1'\", 'False']"
