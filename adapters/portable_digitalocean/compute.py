"""Machines of DigitalOcean: Droplets, over plain REST."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from portable.compute.driver import Launch
from portable.compute.types import InstanceInfo
from portable.errors import (
    AlreadyExists,
    InstanceNotFound,
    InvalidArgument,
    Unavailable,
    Unsupported,
)
from portable_digitalocean.compute_client import DigitalOceanApi
from portable_digitalocean.compute_errors import NotHere
from portable_digitalocean.compute_lately import Lately
from portable_digitalocean.compute_settings import DropletSettings
from portable_digitalocean.compute_shapes import (
    capabilities,
    described,
    fingerprint,
    is_gpu,
    known_images,
    resource,
    spelled,
)
from portable_digitalocean.compute_sizes import check_disk, not_here

DROPLETS = "/v2/droplets"
KEYS = "/v2/account/keys"


class Droplets:
    """`ComputeDriver` over the Droplets of one region."""

    def __init__(self, settings: DropletSettings) -> None:
        self.capabilities = capabilities(settings)
        self._settings = settings
        self._api = DigitalOceanApi(settings)
        self._lately = Lately()

    @property
    def native(self) -> DigitalOceanApi:
        return self._api

    def launch(self, wanted: Launch) -> InstanceInfo:
        keys = [self._key(wanted.ssh_key)] if wanted.ssh_key else []
        asked = resource(wanted, self._settings, keys)
        if wanted.needs.disk_gib is not None:
            check_disk(self._api, wanted.machine, wanted.needs.disk_gib)
        if (there := self._named(wanted)) is not None:
            return there
        try:
            answer = self._api.ask("POST", DROPLETS, body=asked)
        except NotHere as error:
            raise not_here(wanted.machine, self._settings.region, error) from error
        except InvalidArgument as error:
            if "image" not in error.message:
                raise
            raise InvalidArgument(
                f"{error.message}: {wanted.image!r}{known_images(wanted.image)}"
            ) from error
        except InstanceNotFound as error:  # a VPC, or the server has no such API
            raise InvalidArgument(f"the launch names what isn't there: {error.message}") from error
        # Tags are put on after it is made.
        info = replace(described(answer["droplet"]), tags=dict(wanted.tags))
        self._lately.launched(info.id)
        return info

    def get(self, id: str) -> InstanceInfo | None:
        if not _is_id(id):
            return None
        try:
            found = self._api.ask("GET", f"{DROPLETS}/{id}")["droplet"]
        except InstanceNotFound:
            return self._lately.gone(id)
        return self._lately.told(described(found))

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        seen: set[str] = set()
        for query in _queries(tags):
            for found in self._api.each(DROPLETS, "droplets", query):
                info = self._lately.told(described(found))
                is_one = info.zone == self._settings.region and tags.items() <= info.tags.items()
                if is_one and info.id not in seen:  # pages move while machines come and go
                    seen.add(info.id)
                    yield info

    def start(self, id: str) -> None:
        raise Unsupported("a Droplet isn't stopped and started: it costs the same when it is off")

    def stop(self, id: str) -> None:
        raise Unsupported("a Droplet costs the same when it is off: terminate it")

    def terminate(self, id: str) -> None:
        if not _is_id(id):
            return
        try:
            self._api.ask("DELETE", f"{DROPLETS}/{id}")
        except InstanceNotFound as error:
            if self._lately.may_come(id):
                raise Unavailable(
                    f"the machine was launched just now: {error.message}", retry_after=1.0
                ) from error
        self._lately.ended(id)

    def close(self) -> None:
        self._api.close()

    def _named(self, wanted: Launch) -> InstanceInfo | None:
        """What an earlier try has made: its tags, by which others look, may not be on it yet."""
        kind = "gpus" if is_gpu(wanted.machine) else "droplets"
        query = {"name": wanted.name, "type": kind}
        for found in self._api.each(DROPLETS, "droplets", query):
            info = self._lately.told(described(found))
            if info.name == wanted.name and info.state not in ("terminating", "terminated"):
                return replace(info, tags=dict(wanted.tags))
        return None

    def _key(self, public_key: str) -> str:
        """The account's key of this content; it is added where it isn't there."""
        name = fingerprint(public_key)
        try:
            self._api.ask("GET", f"{KEYS}/{name}")
        except InstanceNotFound:
            body = {"name": f"portable {name}", "public_key": public_key}
            with suppress(AlreadyExists):
                self._api.ask("POST", KEYS, body=body)
        return name


def _queries(tags: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The listings that have every machine with these tags among others.

    One tag can be asked for, the one that the fewest have; and without one, Droplets with GPUs
    are listed apart, and in the listing of a tag it isn't promised that they are.
    """
    rarest = "portable-job" if "portable-job" in tags else min(tags, default=None)
    yield {} if rarest is None else {"tag_name": spelled(rarest, tags[rarest])}
    yield {"type": "gpus"}


def _is_id(id: str) -> bool:
    return id.isascii() and id.isdigit()
