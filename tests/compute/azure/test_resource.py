"""What Azure is asked for."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from portable.compute.driver import Launch
from portable.compute.needs import Needs
from portable.errors import InvalidArgument
from portable.testing.fakes.arm import SUBSCRIPTION
from portable_azure.compute_settings import AzureVmSettings
from portable_azure.compute_shapes import resource

Wanted = Callable[..., Launch]
BASE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ml"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJZ2k1z0zqk2b5bDkz6lXq0w9X4J0i8n0Qy9QqXQ1m5Z me"


def asked(wanted: Launch, **settings: Any) -> dict[str, Any]:
    usual = {"subscription": SUBSCRIPTION, "resource_group": "ml", "location": "eastus"}
    return resource(wanted, AzureVmSettings(**(usual | settings)))


def test_machine_has_no_identity(wanted: Wanted) -> None:
    """Azure gives none unless it is asked for one."""
    made = asked(wanted())
    assert "identity" not in made
    assert made["location"] == "eastus"
    assert made["tags"] == {"portable": "1"}


def test_all_that_is_made_with_it_is_deleted_with_it(wanted: Wanted) -> None:
    """By itself Azure would keep each of them, and charge for it."""
    properties = asked(wanted())["properties"]
    assert properties["storageProfile"]["osDisk"]["deleteOption"] == "Delete"
    (interface,) = properties["networkProfile"]["networkInterfaceConfigurations"]
    assert interface["properties"]["deleteOption"] == "Delete"
    (each,) = interface["properties"]["ipConfigurations"]
    address = each["properties"]["publicIPAddressConfiguration"]
    assert address["properties"]["deleteOption"] == "Delete"
    assert address["sku"]["name"] == "Standard"
    assert interface["tags"] == address["tags"] == {"portable": "1"}


def test_machine_without_an_address_has_none(wanted: Wanted) -> None:
    properties = asked(wanted(), public_address=False)["properties"]
    (interface,) = properties["networkProfile"]["networkInterfaceConfigurations"]
    (each,) = interface["properties"]["ipConfigurations"]
    assert "publicIPAddressConfiguration" not in each["properties"]


@pytest.mark.parametrize(
    ("subnet", "id"),
    [
        (
            "lab/gpus",
            f"{BASE}/providers/Microsoft.Network/virtualNetworks/lab/subnets/gpus",
        ),
        ("/subscriptions/x/virtualNetworks/a/subnets/b",) * 2,
    ],
)
def test_subnet_is_one_of_the_group_or_any(wanted: Wanted, subnet: str, id: str) -> None:
    properties = asked(wanted(), subnet=subnet)["properties"]
    (interface,) = properties["networkProfile"]["networkInterfaceConfigurations"]
    assert interface["properties"]["ipConfigurations"][0]["properties"]["subnet"] == {"id": id}


def test_boot_script_is_its_custom_data(wanted: Wanted) -> None:
    launch = wanted(boot="#!/bin/sh\necho ü\n")
    system = asked(launch)["properties"]["osProfile"]
    assert base64.b64decode(system["customData"]).decode() == launch.boot


def test_only_the_launchs_key_may_log_in(wanted: Wanted) -> None:
    def keys(launch: Launch) -> list[str]:
        linux = asked(launch)["properties"]["osProfile"]["linuxConfiguration"]
        assert linux["disablePasswordAuthentication"] is True
        return [each["keyData"] for each in linux["ssh"]["publicKeys"]]

    assert keys(wanted(ssh_key=KEY)) == [KEY]
    one, two = keys(wanted()), keys(wanted())
    assert one != two  # made for each, and its private half kept by nobody
    assert one[0].startswith("ssh-ed25519 ")


def test_spot_machine_is_deleted_when_it_is_taken_away(wanted: Wanted) -> None:
    properties = asked(wanted(Needs(spot=True)))["properties"]
    told = {name: properties[name] for name in ("priority", "evictionPolicy", "billingProfile")}
    assert told == {
        "priority": "Spot",
        "evictionPolicy": "Delete",
        "billingProfile": {"maxPrice": -1},
    }
    assert "priority" not in asked(wanted())["properties"]


def test_disk_can_be_chosen(wanted: Wanted) -> None:
    disk = asked(wanted(Needs(disk_gib=200)), disk_type="Premium_LRS")["properties"][
        "storageProfile"
    ]["osDisk"]
    assert (disk["diskSizeGB"], disk["managedDisk"]) == (200, {"storageAccountType": "Premium_LRS"})
    assert "diskSizeGB" not in asked(wanted())["properties"]["storageProfile"]["osDisk"]


@pytest.mark.parametrize(
    ("machine", "image", "urn"),
    [
        ("Standard_B1s", "ubuntu-24.04", "Canonical:ubuntu-24_04-lts:server:latest"),
        ("Standard_D2ps_v5", "ubuntu-24.04", "Canonical:ubuntu-24_04-lts:server-arm64:latest"),
        ("Standard_D4pls_v6", "ubuntu-22.04", "Canonical:ubuntu-22_04-lts:server-arm64:latest"),
        ("Standard_NP10s", "ubuntu-22.04", "Canonical:ubuntu-22_04-lts:server:latest"),
        ("Standard_A2_v2", "ubuntu-24.04", "Canonical:ubuntu-24_04-lts:server-gen1:latest"),
        ("Standard_NC4as_T4_v3", "deep-learning", "microsoft-dsvm:ubuntu-hpc:2204:latest"),
        ("Standard_B1s", "acme:mine:gpu:1.0.0", "acme:mine:gpu:1.0.0"),
    ],
)
def test_images_are_plain_names_or_urns(wanted: Wanted, machine: str, image: str, urn: str) -> None:
    found = asked(wanted(machine=machine, image=image))["properties"]["storageProfile"]
    assert ":".join(found["imageReference"].values()) == urn


def test_image_can_be_a_resource(wanted: Wanted) -> None:
    id = "/subscriptions/x/resourceGroups/y/providers/Microsoft.Compute/images/mine"
    found = asked(wanted(image=id))["properties"]["storageProfile"]
    assert found["imageReference"] == {"id": id}


@pytest.mark.parametrize(
    ("machine", "image", "says"),
    [
        ("Standard_B1s", "ubuntu-2404", "did you mean 'ubuntu-24.04'"),
        ("Standard_B1s", "acme:mine", "PUBLISHER:OFFER:SKU:VERSION"),
        ("Standard_D2ps_v5", "deep-learning", "Arm"),
        ("Standard_A2_v2", "deep-learning", "generation 1"),
    ],
)
def test_image_that_there_isnt_is_refused(
    wanted: Wanted, machine: str, image: str, says: str
) -> None:
    with pytest.raises(InvalidArgument, match=says):
        asked(wanted(machine=machine, image=image))
