"""A sync on a real Ray cluster of this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import portable
from portable.cli.app import app
from portable.errors import InvalidArgument, Unsupported
from portable.transfers import on_ray
from portable.transfers.engine import Plan
from portable.transfers.places import Folder, shelf
from portable.transfers.sharding import shards
from portable.transfers.walk import PARTIAL
from tests.transfers.conftest import Fill, files_of, objects_of, write_files

pytestmark = pytest.mark.xdist_group("ray")
FILES = {f"{folder}/{number:03}": b"%d" % number for folder in "abc" for number in range(40)}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="Ray isn't installed")
    for name in ("RAY_ADDRESS",):
        os.environ.pop(name, None)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
def test_a_sync_on_ray_does_what_one_here_does(fill: Fill, tmp_path: Path) -> None:
    """Up with a delete, and down again, in ranges that together are everything."""
    bucket = portable.open_bucket((tmp_path / "bucket").as_uri())
    bucket.put("data/0-before", b"x")
    bucket.put("data/b/017x", b"x")
    bucket.put("data/z-after", b"x")
    bucket.put("data/b/001", FILES["b/001"])
    source = fill(FILES)
    told: list[portable.storage.TransferReport] = []
    report = bucket.sync(source, "data", delete=True, on="ray", progress=told.append)
    assert (report.sent, report.skipped, report.deleted, report.failed) == (119, 1, 3, 0)
    assert objects_of(bucket) == {f"data/{name}": body for name, body in FILES.items()}
    assert told[-1].sent == 119
    assert bucket.sync("data", tmp_path / "down", on="ray").sent == 120
    assert files_of(tmp_path / "down") == FILES
    write_files(tmp_path / "down", dict.fromkeys(FILES, b"edited"))
    assert bucket.sync("data", tmp_path / "down", on="ray").sent == 120
    assert not (tmp_path / "down" / PARTIAL).exists()
    with pytest.raises(Unsupported, match="in the process that made them"):
        portable.open_bucket("memory://x").sync(source, "data", on="ray")


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
def test_the_command_line_spreads_a_sync(fill: Fill, tmp_path: Path) -> None:
    """And tells what all ranges did."""
    words = ["--json", "sync", str(fill(FILES)), (tmp_path / "bucket").as_uri(), "--on", "ray"]
    first, again = (CliRunner().invoke(app, words) for _ in range(2))
    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    assert json.loads(first.stdout)["sent"] == 120
    assert json.loads(again.stdout)["skipped"] == 120


def test_the_ranges_are_everything_and_share_nothing(fill: Fill, tmp_path: Path) -> None:
    """Without a cluster: each name is in one of them, and names outside at the ends."""
    bucket = portable.open_bucket((tmp_path / "bucket").as_uri())
    plan = Plan(source=Folder(str(fill(FILES))), target=shelf(bucket._connection, ""))
    pieces = shards(plan, 7)
    assert len(pieces) == 7
    assert (pieces[0].after, pieces[-1].until) == ("", None)
    found = [item.name for piece in pieces for item in piece.listed(piece.source)]
    assert found == sorted(FILES)


def test_a_folder_of_this_machine_is_refused_on_a_cluster_of_several(tmp_path: Path) -> None:
    """The others couldn't reach it."""
    bucket = portable.open_bucket((tmp_path / "bucket").as_uri())
    plan = Plan(source=Folder(str(tmp_path)), target=shelf(bucket._connection, ""))
    here = on_ray._sight(str(tmp_path))
    on_ray._check_reach(plan, _Cluster(nodes=1, sees=here))
    for elsewhere in (_Cluster(nodes=2, sees=here), _Cluster(nodes=1, sees=(*here[:2], 0))):
        with pytest.raises(InvalidArgument, match="a folder of this machine"):
            on_ray._check_reach(plan, elsewhere)
    apart = Plan(source=shelf(bucket._connection, "a"), target=shelf(bucket._connection, "b"))
    on_ray._check_reach(apart, _Cluster(nodes=2, sees=here))


class _Cluster:
    """What is asked of Ray there."""

    def __init__(self, nodes: int, sees: tuple[str, int, int]) -> None:
        self._nodes = nodes
        self._sees = sees

    def nodes(self) -> list[dict[str, bool]]:
        return [{"Alive": False}, *[{"Alive": True}] * self._nodes]

    def remote(self, **_: object) -> Any:
        return lambda function: SimpleNamespace(remote=lambda path: self._sees)

    def get(self, found: object) -> object:
        return found
