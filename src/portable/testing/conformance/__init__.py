"""The behaviour that every storage adapter has to show, as test cases.

`StorageConformance` is subclassed, given a `harness`, and run by pytest. Cases can be added to a
subclass and never replaced: what a provider can't do is one of its `Capabilities`, and the cases
test both answers to each.
"""

from __future__ import annotations

from inspect import getattr_static
from typing import Any

from portable.testing.conformance.bodies import BodyCases
from portable.testing.conformance.capabilities import CapabilityCases
from portable.testing.conformance.conditions import ConditionCases
from portable.testing.conformance.copies import CopyCases
from portable.testing.conformance.deletes import DeleteCases
from portable.testing.conformance.errors import ErrorCases
from portable.testing.conformance.folders import FolderCases
from portable.testing.conformance.gets import GetCases
from portable.testing.conformance.integrity import IntegrityCases
from portable.testing.conformance.keys import KeyCases
from portable.testing.conformance.listing import ListingCases
from portable.testing.conformance.metadata import MetadataCases
from portable.testing.conformance.model import ModelCases
from portable.testing.conformance.processes import ProcessCases
from portable.testing.conformance.puts import PutCases
from portable.testing.conformance.quirks import QUIRKS, Quirk
from portable.testing.conformance.readers import ReaderCases
from portable.testing.conformance.signing import SigningCases
from portable.testing.conformance.uploads import UploadCases
from portable.testing.conformance.writers import WriterCases

__all__ = ["QUIRKS", "Quirk", "StorageConformance"]


class StorageConformance(
    PutCases,
    BodyCases,
    GetCases,
    IntegrityCases,
    ConditionCases,
    ListingCases,
    FolderCases,
    KeyCases,
    MetadataCases,
    WriterCases,
    ReaderCases,
    CopyCases,
    DeleteCases,
    UploadCases,
    SigningCases,
    ErrorCases,
    CapabilityCases,
    ProcessCases,
    ModelCases,
):
    """What an adapter has to do; a subclass has a fixture `harness` that returns a `Harness`.

    Each case runs at the root of the bucket, unless `root` is False, and below a prefix, with
    neighbours outside of it that have to stay as they are.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, case in SUITE.items():
            if getattr_static(cls, name, None) is not case:
                raise TypeError(
                    f"{cls.__name__} replaces {name!r} of the conformance suite. Cases are added, "
                    f"never replaced: what a provider can't do is a capability of its driver, and "
                    f"a fault of a stand-in server is one of `Harness.quirks`"
                )


def cases_of(suite: type) -> dict[str, object]:
    """Every case, fixture and hook, by name. Two topics with a case of one name would hide one."""
    found: dict[str, object] = {}
    for topic in suite.__mro__[1:]:
        for name, value in vars(topic).items():
            if name.startswith(("test", "pytest_")) or _is_fixture(value):
                if name in found:
                    raise TypeError(f"two topics of the suite have {name!r}")
                found[name] = value
    return found


def _is_fixture(value: object) -> bool:
    return type(value).__name__ == "FixtureFunctionDefinition"


SUITE = cases_of(StorageConformance)
