"""Sizes of Droplets: what there is instead of one that there isn't."""

from __future__ import annotations

from portable.compute.catalogue import offers
from portable.compute.needs import Needs
from portable.errors import InvalidArgument, NoCapacity, PortableError
from portable.spelling import did_you_mean, listed
from portable_digitalocean.compute_client import DigitalOceanApi

SIZES = "/v2/sizes"


def not_here(size: str, region: str, error: PortableError) -> PortableError:
    """What a refusal of a size means, in the words of people.

    DigitalOcean says the same of a size that a region never has and of one that has run out.
    """
    known = {each.machine for each in offers(Needs(cpus=0.1), providers={"digitalocean"})}
    here = {
        each.machine
        for each in offers(Needs(cpus=0.1), providers={"digitalocean"}, regions={region})
    }
    if size in here and "invalid size" not in error.message.lower():
        return NoCapacity(
            f"{region} has no {size!r} now: {error.message}; try again later, or another size"
        )
    near = did_you_mean(size, here or known)
    there = (
        f"{region} has, among others, {listed(here)}" if here else f"no size of {region} is known"
    )
    return InvalidArgument(f"there is no size {size!r} in {region}{near}: {error.message}; {there}")


def check_disk(api: DigitalOceanApi, size: str, gib: int) -> None:
    """Refuse a size whose disk is too small: it is part of the size, and there is no other.

    Raises:
        InvalidArgument: it has less than *gib* GiB.
    """
    for each in api.each(SIZES, "sizes"):
        if each["slug"] == size and each["disk"] < gib:
            raise InvalidArgument(
                f"a Droplet of size {size!r} has a disk of {each['disk']} GiB, and not of {gib}: "
                f"it can't be made larger; take another size"
            )
