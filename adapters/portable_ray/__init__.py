"""A Ray cluster: jobs by its Jobs API, `map` by its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, ComputeService, Scheme
from portable_ray.settings import RaySettings

if TYPE_CHECKING:
    from portable.compute.driver import ComputeDriver


def _connect(settings: RaySettings) -> ComputeDriver:
    import urllib3  # noqa: F401 - where it is missing, that is said here

    from portable_ray.compute import RayCompute

    return RayCompute(settings)


ADAPTER = Adapter(
    name="ray",
    extra="ray",
    compute=ComputeService(
        settings=RaySettings,
        schemes=(Scheme(name="ray", host="address", path=""),),
        connect=_connect,
    ),
    credentials=(
        "A cluster with token authentication takes RAY_AUTH_TOKEN, the file that "
        "RAY_AUTH_TOKEN_PATH names, or ~/.ray/auth_token with RAY_AUTH_MODE=token; others ask "
        "for none"
    ),
    instead={
        "storage": "name a bucket of a cloud as the profile's 'storage'",
        "queue": "name another provider's queue as the profile's 'queue'",
    },
)
