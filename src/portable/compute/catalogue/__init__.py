"""Machines of the clouds with what they have and cost: ``offers(Needs(gpu="L4"))``.

A file of the package, with the date and the source of every price (docs/machines.md): nothing is
sent. It is a choice of types and regions, not all that there are.
"""

from portable.compute.catalogue.choosing import (
    machines,
    offers,
    providers,
    regions,
    regions_with,
)
from portable.compute.catalogue.offer import Offer

__all__ = ["Offer", "machines", "offers", "providers", "regions", "regions_with"]
