"""What Compute Engine is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from portable.compute.driver import Launch
from portable.compute.needs import Needs
from portable.errors import InvalidArgument
from portable_gcp.compute_settings import GceSettings
from portable_gcp.compute_shapes import resource

ZONE = "us-east1-b"
Wanted = Callable[..., Launch]


def asked(wanted: Launch, **settings: Any) -> dict[str, Any]:
    return resource(wanted, ZONE, GceSettings(project="acme-ml", zone=ZONE, **settings))


def test_machine_has_no_account_and_no_scopes(wanted: Wanted) -> None:
    """The API gives none unless it is asked for one."""
    assert "service_accounts" not in asked(wanted())


def test_machine_is_deleted_at_its_deadline_with_its_disk(wanted: Wanted) -> None:
    made = asked(wanted(lifetime=3600.4))
    assert made["scheduling"] == {
        "provisioning_model": "STANDARD",
        "on_host_maintenance": "MIGRATE",
        "automatic_restart": False,
        "instance_termination_action": "DELETE",
        "max_run_duration": {"seconds": 3601},
    }
    assert [disk["auto_delete"] for disk in made["disks"]] == [True]


def test_shortest_deadline_is_the_providers(wanted: Wanted) -> None:
    limit = asked(wanted(lifetime=1.0))["scheduling"]["max_run_duration"]
    assert limit == {"seconds": 30}


def test_machine_without_a_deadline_has_none(wanted: Wanted) -> None:
    scheduling = asked(wanted(lifetime=math.inf))["scheduling"]
    assert "max_run_duration" not in scheduling
    assert "instance_termination_action" not in scheduling


def test_spot_machine_is_deleted_when_it_is_taken_away(wanted: Wanted) -> None:
    scheduling = asked(wanted(Needs(spot=True), lifetime=math.inf))["scheduling"]
    assert scheduling["provisioning_model"] == "SPOT"
    assert scheduling["instance_termination_action"] == "DELETE"
    assert scheduling["on_host_maintenance"] == "TERMINATE"


def test_gpus_are_added_to_a_host_of_n1(wanted: Wanted) -> None:
    made = asked(
        wanted(Needs(gpu="V100", gpus=2), machine="n1-standard-8", accelerator="nvidia-tesla-v100")
    )
    (added,) = made["guest_accelerators"]
    assert added["accelerator_type"] == f"zones/{ZONE}/acceleratorTypes/nvidia-tesla-v100"
    assert added["accelerator_count"] == 2
    assert made["scheduling"]["on_host_maintenance"] == "TERMINATE"


@pytest.mark.parametrize("machine", ["a2-highgpu-1g", "a3-highgpu-8g", "g2-standard-4"])
def test_machine_that_has_gpus_is_given_none(wanted: Wanted, machine: str) -> None:
    """And can't be moved while it runs."""
    made = asked(wanted(Needs(gpus=1), machine=machine))
    assert "guest_accelerators" not in made
    assert made["scheduling"]["on_host_maintenance"] == "TERMINATE"


@pytest.mark.parametrize(
    ("machine", "image", "family"),
    [
        ("e2-small", "ubuntu-24.04", "ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-amd64"),
        (
            "c4a-standard-1",
            "ubuntu-24.04",
            "ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-arm64",
        ),
        (
            "t2a-standard-1",
            "ubuntu-22.04",
            "ubuntu-os-cloud/global/images/family/ubuntu-2204-lts-arm64",
        ),
        (
            "g2-standard-4",
            "deep-learning",
            "deeplearning-platform-release/global/images/family/common-cu129-ubuntu-2404-nvidia-580",
        ),
    ],
)
def test_plain_names_are_families_of_images(
    wanted: Wanted, machine: str, image: str, family: str
) -> None:
    made = asked(wanted(machine=machine, image=image))
    assert made["disks"][0]["initialize_params"]["source_image"] == f"projects/{family}"


def test_other_images_are_taken_as_they_are(wanted: Wanted) -> None:
    image = "projects/acme-ml/global/images/mine-7"
    assert asked(wanted(image=image))["disks"][0]["initialize_params"]["source_image"] == image


@pytest.mark.parametrize(
    ("machine", "image", "says"),
    [
        ("e2-small", "ubuntu-2404", "did you mean 'ubuntu-24.04'"),
        ("c4a-standard-1", "deep-learning", "Arm"),
    ],
)
def test_image_that_there_isnt_is_refused(
    wanted: Wanted, machine: str, image: str, says: str
) -> None:
    with pytest.raises(InvalidArgument, match=says):
        asked(wanted(machine=machine, image=image))


@pytest.mark.parametrize(
    ("machine", "kind"),
    [
        ("e2-small", "pd-balanced"),
        ("a3-highgpu-1g", "pd-balanced"),
        ("c4-standard-2", "hyperdisk-balanced"),
        ("c4a-standard-1", "hyperdisk-balanced"),
        ("g4-standard-48", "hyperdisk-balanced"),
    ],
)
def test_disk_is_one_that_the_machine_takes(wanted: Wanted, machine: str, kind: str) -> None:
    made = asked(wanted(machine=machine))["disks"][0]["initialize_params"]
    assert made["disk_type"] == f"zones/{ZONE}/diskTypes/{kind}"
    assert "disk_size_gb" not in made


def test_disk_can_be_chosen(wanted: Wanted) -> None:
    made = asked(wanted(Needs(disk_gib=200)), disk_type="pd-ssd")["disks"][0]["initialize_params"]
    assert made["disk_type"].endswith("/pd-ssd")
    assert made["disk_size_gb"] == 200


def test_machine_has_an_address_of_its_own_unless_told(wanted: Wanted) -> None:
    (interface,) = asked(wanted())["network_interfaces"]
    assert interface["network"] == "global/networks/default"
    assert [each["type_"] for each in interface["access_configs"]] == ["ONE_TO_ONE_NAT"]
    (interface,) = asked(wanted(), public_address=False)["network_interfaces"]
    assert "access_configs" not in interface


def test_subnetwork_is_of_the_zones_region(wanted: Wanted) -> None:
    (interface,) = asked(wanted(), subnetwork="jobs", network="ml")["network_interfaces"]
    assert interface["subnetwork"] == "regions/us-east1/subnetworks/jobs"
    assert interface["network"] == "global/networks/ml"
    shared = "projects/host/regions/us-east1/subnetworks/jobs"
    (interface,) = asked(wanted(), subnetwork=shared)["network_interfaces"]
    assert interface["subnetwork"] == shared
    assert "network" not in interface  # the subnetwork's


def test_only_the_launchs_key_may_log_in(wanted: Wanted) -> None:
    def metadata(launch: Launch) -> dict[str, str]:
        return {each["key"]: each["value"] for each in asked(launch)["metadata"]["items"]}

    assert (
        metadata(wanted(ssh_key="ssh-ed25519 AAAA me"))["ssh-keys"]
        == "portable:ssh-ed25519 AAAA me"
    )
    assert metadata(wanted())["block-project-ssh-keys"] == "TRUE"
    assert "ssh-keys" not in metadata(wanted())
