"""Which machines fit, and where there are any."""

from __future__ import annotations

from collections.abc import Collection

from portable.compute import gpus
from portable.compute.catalogue.accelerators import attached
from portable.compute.catalogue.data import catalogue
from portable.compute.catalogue.offer import Offer
from portable.compute.needs import Needs


def offers(
    needs: Needs,
    *,
    providers: Collection[str] | None = None,
    regions: Collection[str] | None = None,
) -> list[Offer]:
    """Every machine of the catalogue that has what is needed, the cheapest first.

    With `needs.spot`, spot prices count. A machine whose price, of this kind, isn't known comes
    after all others, not first, and isn't left out: most providers sell a type as spot that the
    catalogue has no spot price for. Disks are added to machines, so `needs.disk_gib` leaves none
    out. With `needs.machine` there is only that type, as long as it has the rest, too.

    GPUs that are sold apart are added to a host exactly `needs.gpus` times, to every host that
    takes so many.

    Args:
        providers: Only these; `None` is all. One that isn't in the catalogue has no offers.
        regions: Only these, by the providers' names; `None` is all.

    Returns:
        Nothing where nothing fits; a type that isn't known is never made up.
    """
    known = catalogue()
    hosts = [
        each
        for each in known.offers
        if (providers is None or each.provider in providers)
        and (regions is None or each.region in regions)
        and (needs.machine is None or each.machine == needs.machine)
    ]
    candidates = [*hosts, *attached(hosts, known.accelerators, needs.gpus)]
    wanted = gpus.parse(needs.gpu) if needs.gpu is not None else None
    fitting = [each for each in candidates if _fits(each, needs, wanted)]
    return sorted(fitting, key=lambda each: _rank(each, needs.spot))


def providers() -> list[str]:
    """Whose machines are in the catalogue."""
    return sorted({each.provider for each in catalogue().offers})


def regions(provider: str) -> list[str]:
    """The regions of a provider that the catalogue knows; none where it doesn't know it."""
    return sorted({each.region for each in catalogue().offers if each.provider == provider})


def machines(provider: str | None = None) -> list[str]:
    """The types of machine of a provider, or of all of them."""
    return sorted(
        {each.machine for each in catalogue().offers if provider in (None, each.provider)}
    )


def regions_with(provider: str, machine: str) -> list[str]:
    """The regions of *provider* that have the type *machine*; none where it isn't known."""
    return sorted(
        {
            each.region
            for each in catalogue().offers
            if (each.provider, each.machine) == (provider, machine)
        }
    )


def _fits(offer: Offer, needs: Needs, wanted: tuple[str, int | None] | None) -> bool:
    return (
        offer.cpus >= needs.cpus
        and offer.memory_gib >= (needs.memory_gib or 0)
        and offer.gpus >= needs.gpus
        and (wanted is None or wanted in ((offer.gpu, None), (offer.gpu, offer.gpu_memory_gib)))
    )


def _rank(offer: Offer, spot: bool) -> tuple[bool, float, bool, float, str, str, str, str]:
    """By price, then by the price that it has at least; by names, so that the order is one."""
    price, other = offer.price(spot), offer.usd_per_hour
    return (
        price is None,
        price or 0,
        other is None,
        other or 0,
        offer.provider,
        offer.region,
        offer.machine,
        offer.accelerator or "",
    )
