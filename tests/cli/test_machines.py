"""``portable machines``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from portable.compute.catalogue import offers
from portable.compute.needs import Needs
from tests.cli.conftest import Run


def listed(run: Run, *words: str) -> list[dict[str, Any]]:
    outcome = run("machines", *words, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    return [json.loads(line) for line in outcome.lines]


def test_the_cheapest_of_all_clouds_comes_first(run: Run) -> None:
    found = listed(run, "--gpu", "nvidia-v100", "--cpus", "8", "--memory", "60", "--limit", "100")
    assert {each["provider"] for each in found} == {"aws", "azure"}
    prices = [each["usd_per_hour"] for each in found]
    assert prices == sorted(prices)
    assert all(each["gpu"] == "V100" and each["memory_gib"] >= 60 for each in found)


def test_the_options_are_those_of_needs(run: Run) -> None:
    found = listed(run, "--gpus", "2", "--spot", "--provider", "gcp", "--region", "us-east1")
    wanted = offers(Needs(gpus=2, spot=True), providers=["gcp"], regions=["us-east1"])
    assert [(each["machine"], each["accelerator"]) for each in found] == [
        (each.machine, each.accelerator) for each in wanted[:20]
    ]


def test_a_document_tells_where_its_price_is_from(run: Run) -> None:
    (found,) = listed(run, "--machine", "p3.8xlarge", "--region", "us-east-1")
    assert found["usd_per_hour"] == 12.24
    assert found["as_of"] == "2026-07-20"
    assert "Apache-2.0" in found["source"]


def test_what_is_not_known_is_null_and_a_dash(run: Run) -> None:
    words = ["--machine", "m5.large"]
    assert listed(run, *words)[0]["usd_per_hour_spot"] is None
    assert run("machines", *words).lines[1].split()[:2] == ["0.0960", "-"]


def test_columns_stand_under_their_heads(run: Run) -> None:
    words = ["machines", "--gpu", "T4", "--machine", "n1-standard-4", "--region", "us-east1"]
    head, row = run(*words).lines
    assert head.split("  ")[0] == "$/HOUR"
    assert row.split()[:4] == ["0.5400", "0.2420", "4", "15"]
    assert row[head.index("MACHINE") :].startswith("n1-standard-4 + 1 nvidia-tesla-t4  ")
    assert row[head.index("AS OF") :] == "undated"


def test_the_rest_is_told_of(run: Run) -> None:
    outcome = run("machines", "--limit", "2")
    assert len(outcome.lines) == 3
    assert outcome.err.startswith("2 of ")
    assert run("machines", "--limit", "2", "-q").err == ""


def test_nothing_that_fits_is_an_empty_listing(run: Run) -> None:
    outcome = run("machines", "--cpus", "100000")
    assert (outcome.code, outcome.out) == (0, b"")
    assert "ask for less" in outcome.err


def test_a_type_that_a_region_lacks_is_named_where_it_is(run: Run) -> None:
    outcome = run("machines", "--machine", "p3.8xlarge", "--provider", "gcp")
    assert (outcome.code, outcome.out) == (0, b"")
    assert "aws ca-central-1, aws eu-west-1, aws us-east-1" in outcome.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--gpu", "V10"], "did you mean 'V100'"),
        (["--cpus", "0"], "cpus is 0.0; it is more than 0"),
        (["--provider", "awz"], "no provider 'awz' (did you mean 'aws'?)"),
        (["--provider", "nimbus"], "it has 'aws', 'azure', 'digitalocean', 'gcp'"),
        (["--region", "us-esat-1"], "did you mean 'us-east-1'"),
        (["--provider", "azure", "--region", "us-east-1"], "no region 'us-east-1'"),
        (["--machine", "p3.8xlrge"], "did you mean 'p3.8xlarge'"),
        (["--limit", "0"], "limit"),
        (["--gpus", "1.5"], "gpus"),
    ],
)
def test_a_line_that_can_not_be_used(run: Run, words: list[str], text: str) -> None:
    outcome = run("machines", *words)
    assert (outcome.code, outcome.out) == (2, b"")
    assert text in outcome.err


def test_neither_a_configuration_nor_an_sdk_is_needed(folder: Path) -> None:
    (folder / "portable.toml").write_text("[broken", encoding="utf-8")
    program = (
        "import sys, atexit\n"
        "from portable.cli import main\n"
        "sdks = {'boto3', 'google.cloud', 'azure', 'obstore'}\n"
        "atexit.register(lambda: print(sdks & set(sys.modules)))\n"
        "sys.argv = ['portable', 'machines', '--gpu', 'L4', '--limit', '1', '--json']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    line, modules = done.stdout.splitlines()
    assert json.loads(line)["gpu"] == "L4"
    assert modules == "set()"
