"""The providers that can be emulated; a further one is a module, and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from portable.testing.emulators import _aws, _azure, _digitalocean, _gcp, _kubernetes
from portable.testing.emulators._provider import Provider

PROVIDERS: Mapping[str, Provider] = {
    "aws": Provider(servers="ministack and FakeEc2", extra="aws", run=_aws.run),
    "gcp": Provider(servers="FakeGcs, FakePubSub and FakeGce", extra="gcp", run=_gcp.run),
    "azure": Provider(servers="Azurite and FakeArm", extra="azure", run=_azure.run),
    "digitalocean": Provider(
        servers="SeaweedFS and FakeDroplets", extra="digitalocean", run=_digitalocean.run
    ),
    "kubernetes": Provider(
        servers="FakeGcs and FakeKubernetes", extra="kubernetes,gcp", run=_kubernetes.run
    ),
}
