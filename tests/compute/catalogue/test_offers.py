"""What fits, in which order, at which price."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portable.compute import gpus
from portable.compute.catalogue import (
    Offer,
    machines,
    offers,
    providers,
    regions,
    regions_with,
)
from portable.compute.catalogue.accelerators import ATTACHED
from portable.compute.catalogue.data import catalogue
from portable.compute.needs import Needs

GPUS = [
    written
    for name, memories in gpus.MODELS.items()
    for written in (name, name.lower(), f"nvidia-{name}", *(f"{name}-{gb}GB" for gb in memories))
]
NEEDS = st.builds(
    Needs,
    cpus=st.one_of(st.just(1), st.floats(0.1, 256)),
    memory_gib=st.none() | st.floats(0.1, 3000),
    gpus=st.integers(0, 17),
    gpu=st.none() | st.sampled_from(GPUS),
    disk_gib=st.none() | st.integers(1, 1000),
    spot=st.booleans(),
)


@given(NEEDS)
def test_every_offer_has_what_is_needed_and_the_cheapest_comes_first(needs: Needs) -> None:
    found = offers(needs)
    for offer in found:
        assert offer.cpus >= needs.cpus
        assert offer.memory_gib >= (needs.memory_gib or 0)
        assert offer.gpus >= needs.gpus
        if needs.gpu is not None:
            model, memory = gpus.parse(needs.gpu)
            assert offer.gpu == model
            assert memory in (None, offer.gpu_memory_gib)
        assert offer.price(needs.spot) is None or (offer.price(needs.spot) or 0) > 0
    prices = [offer.price(needs.spot) for offer in found]
    known = [price for price in prices if price is not None]
    assert prices == sorted(known) + [None] * (len(prices) - len(known))


@given(NEEDS)
def test_nothing_that_fits_is_left_out(needs: Needs) -> None:
    found = set(offers(replace(needs, gpu=None)))
    for offer in catalogue().offers:
        enough = (
            offer.cpus >= needs.cpus
            and offer.memory_gib >= (needs.memory_gib or 0)
            and offer.gpus >= needs.gpus
        )
        assert (offer in found) == enough


@given(NEEDS, st.sampled_from(["aws", "gcp", "azure", "digitalocean"]))
def test_a_provider_and_a_region_leave_out_all_others(needs: Needs, provider: str) -> None:
    everywhere = [each for each in offers(needs) if each.provider == provider]
    assert offers(needs, providers=[provider]) == everywhere
    for region in regions(provider):
        there = [each for each in everywhere if each.region == region]
        assert offers(needs, providers=[provider], regions=[region]) == there


def only(**given: object) -> list[Offer]:
    return offers(Needs(**given))  # type: ignore[arg-type]


def test_a_type_by_its_name_is_the_only_one() -> None:
    found = only(machine="p3.8xlarge")
    assert [each.region for each in found] == ["us-east-1", "eu-west-1", "ca-central-1"]
    assert {each.machine for each in found} == {"p3.8xlarge"}
    assert (found[0].usd_per_hour, found[0].as_of) == (12.24, date(2026, 7, 20))


def test_a_type_that_is_not_known_is_not_made_up() -> None:
    assert only(machine="p3.9xlarge") == []
    assert offers(Needs(), providers=["nimbus"]) == []
    assert offers(Needs(), regions=["mars-1"]) == []


def test_a_type_by_its_name_has_the_rest_too() -> None:
    assert only(machine="p3.8xlarge", gpu="V100", gpus=4)
    assert not only(machine="p3.8xlarge", gpu="V100", gpus=8)
    assert not only(machine="p3.8xlarge", gpu="L4")


def test_spot_prices_count_where_they_are_asked_for() -> None:
    by_price = only(machine="p3.8xlarge", spot=True)
    assert [each.region for each in by_price] == ["ca-central-1", "us-east-1", "eu-west-1"]
    assert by_price[0].price(spot=True) == 1.3464


def test_an_unknown_spot_price_is_not_a_price_of_nothing() -> None:
    """Such machines come last, by their other price."""
    last = [each for each in only(gpu="A100", spot=True) if each.usd_per_hour_spot is None]
    assert last == only(gpu="A100", spot=True)[-len(last) :]
    prices = [each.usd_per_hour or 0 for each in last]
    assert prices == sorted(prices)
    assert all(prices)


def test_the_memory_in_a_name_chooses_the_card() -> None:
    assert {each.gpu_memory_gib for each in only(gpu="A100")} == {40, 80}
    assert {each.gpu_memory_gib for each in only(gpu="A100-80GB")} == {80}
    assert {each.machine for each in only(gpu="V100-32GB")} == {
        "p3dn.24xlarge",
        "Standard_ND40rs_v2",
    }


@pytest.mark.parametrize("gpu", ["A10", "L40", "H100"])
def test_a_card_with_a_longer_name_is_another_one(gpu: str) -> None:
    """An A10G is no A10, an L40S no L40, an H100 NVL no H100."""
    assert {each.gpu for each in only(gpu=gpu)} <= {gpu}


def test_an_accelerator_is_added_to_a_host_and_so_is_its_price() -> None:
    (found,) = offers(
        Needs(machine="n1-standard-8", gpu="V100"), providers=["gcp"], regions=["us-east1"]
    )
    assert (found.accelerator, found.gpus, found.cpus) == ("nvidia-tesla-v100", 1, 8)
    assert (found.usd_per_hour, found.usd_per_hour_spot) == (2.859998, 1.22252)
    assert found.as_of is None  # the GPU's price is undated
    assert found.source.count(";") == 2


@given(NEEDS)
def test_accelerators_are_added_as_often_as_was_asked_to_hosts_that_take_them(
    needs: Needs,
) -> None:
    hosts = {(each.region, each.machine): each for each in catalogue().offers}
    prices = {(each.region, each.name): each for each in catalogue().accelerators}
    for found in offers(needs):
        if found.accelerator is None:
            continue
        assert found.gpus == needs.gpus
        cpus, memory_gib = ATTACHED[found.accelerator][needs.gpus]
        assert found.machine.startswith("n1-")
        assert (found.cpus <= cpus, found.memory_gib <= memory_gib) == (True, True)
        host = hosts[found.region, found.machine]
        each = prices[found.region, found.accelerator]
        assert found.usd_per_hour is not None
        assert host.usd_per_hour is not None
        assert each.usd_per_hour is not None
        total = host.usd_per_hour + needs.gpus * each.usd_per_hour
        assert found.usd_per_hour == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize(
    ("gpu", "count", "largest"),
    [
        ("T4", 1, "n1-standard-32"),
        ("T4", 4, "n1-standard-96"),
        ("P4", 1, "n1-standard-16"),
        ("V100", 1, "n1-highmem-8"),
        ("V100", 8, "n1-standard-96"),
        ("P100", 1, "n1-standard-16"),
        ("P100", 4, "n1-standard-32"),
    ],
)
def test_the_largest_host_of_an_accelerator(gpu: str, count: int, largest: str) -> None:
    """As the provider documents it, where zones of a region differ by the smaller one."""
    hosts = [each for each in only(gpu=gpu, gpus=count) if each.accelerator]
    assert max(hosts, key=lambda each: (each.cpus, each.memory_gib)).machine == largest


@pytest.mark.parametrize(("gpu", "count"), [("T4", 3), ("T4", 8), ("V100", 16)])
def test_a_number_of_accelerators_that_no_host_takes(gpu: str, count: int) -> None:
    assert not [each for each in only(gpu=gpu, gpus=count) if each.accelerator]


def test_a_host_is_offered_without_accelerators_where_none_is_asked_for() -> None:
    assert [each.accelerator for each in only(machine="n1-standard-8")] == [None] * 3


def test_where_a_type_is_and_what_there_is_instead() -> None:
    assert regions_with("aws", "p3.8xlarge") == ["ca-central-1", "eu-west-1", "us-east-1"]
    assert regions_with("aws", "nope") == regions_with("gcp", "p3.8xlarge") == []
    assert "p3.8xlarge" in machines("aws")
    assert set(machines("aws")) < set(machines())
    assert providers() == ["aws", "azure", "digitalocean", "gcp"]
    assert regions("nimbus") == []
