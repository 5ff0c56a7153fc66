"""The server: its routes, and what tests can ask of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from portable.testing.fakes.droplets.droplet import Droplet
from portable.testing.fakes.droplets.offered import IMAGES, regions, sizes
from portable.testing.fakes.droplets.state import State
from portable.testing.fakes.droplets.wording import (
    not_found,
    page_of,
    refused,
    unauthorized,
    unprocessable,
)
from portable.testing.fakes.machines import FakeMachine, MachineHost
from portable.testing.fakes.rest import Call, Handler, Reply, RestFake
from portable.testing.fakes.wire import Request

PAGE = 200  # https://docs.digitalocean.com/reference/api/intro/#links--pagination


class FakeDroplets(RestFake):
    """One account's Droplets on a port of 127.0.0.1. A context manager.

    `RestFake.add` makes requests fail.

    Attributes:
        host: Where its Droplets run.
        state: What there is, and how long things take.
        token: The only one that is let in.
    """

    def __init__(self, port: int = 0, *, token: str = "dop_v1_testing", page: int = PAGE) -> None:
        """Listen; requests are answered from `start` on.

        Args:
            port: Any free one unless given.
            page: How many things one answer lists at most.
        """
        super().__init__(port)
        self.host = MachineHost()
        self.state = State(self.host)
        self.token = token
        self._page = page
        for method, path, handler in (
            ("GET", "/v2/account", self._account),
            ("GET", "/v2/account/keys", self._list_keys),
            ("POST", "/v2/account/keys", self._add_key),
            ("GET", "/v2/account/keys/{id}", self._get_key),
            ("GET", "/v2/sizes", self._sizes),
            ("GET", "/v2/regions", self._regions),
            ("GET", "/v2/images", self._images),
            ("GET", "/v2/droplets", self._list),
            ("POST", "/v2/droplets", self._create),
            ("GET", "/v2/droplets/{id}", self._get),
            ("DELETE", "/v2/droplets/{id}", self._destroy),
            ("GET", "/v2/droplets/{id}/actions", self._actions),
            ("POST", "/v2/droplets/{id}/actions", self._act),
            ("GET", "/v2/actions/{id}", self._action),
        ):
            self.route(method, path, self._let_in(handler))

    def stop(self) -> None:
        super().stop()
        self.state.close()
        self.host.close()

    @property
    def droplets(self) -> list[Droplet]:
        """Those that cost: in any state, and not destroyed."""
        with self.state.lock:
            return [each for each in self.state.droplets.values() if not each.is_destroyed]

    def droplet(self, id: str) -> Droplet:
        """One of all so far, destroyed ones too."""
        return next(each for each in self.state.ever if str(each.id) == id)

    def machine(self, id: str) -> FakeMachine | None:
        """What runs, or ran, the user data of one; `None` where it wasn't active yet."""
        return self.droplet(id).real

    def crash(self, id: str) -> None:
        """Let a Droplet die at once: it is off, stays, and costs."""
        found = self.droplet(id)
        if found.real is not None:
            found.real.kill()
        self.state.is_off(found)

    def destroy(self, id: str) -> None:
        """Do as somebody who destroys it in the control panel."""
        self.state.destroy(self.droplet(id))

    def missing(self, call: Request) -> Reply:
        return not_found().reply

    def _let_in(self, handler: Handler) -> Handler:
        def checked(call: Call) -> Reply:
            if call.request.headers.get("authorization") != f"Bearer {self.token}":
                raise unauthorized()
            return handler(call)

        return checked

    def _account(self, _: Call) -> Reply:
        about = {"droplet_limit": self.state.limit, "status": "active", "email_verified": True}
        return Reply({"account": about})

    def _create(self, call: Call) -> Reply:
        made = self.state.create(call.body or {})
        links = [{"id": made.actions[0]["id"], "rel": "create", "href": self.endpoint}]
        return Reply({"droplet": made.resource(), "links": {"actions": links}}, 202)

    def _get(self, call: Call) -> Reply:
        return Reply({"droplet": self.state.droplet(call.names["id"]).resource()})

    def _destroy(self, call: Call) -> Reply:
        self.state.destroy(self.state.droplet(call.names["id"]))
        return Reply(status=204)

    def _list(self, call: Call) -> Reply:
        tag, name, kind = (call.query.get(each) for each in ("tag_name", "name", "type"))
        if tag is not None and (name is not None or kind is not None):
            raise refused(400, "bad_request", "tag_name can't be combined with name or type")
        with self.state.lock:
            there = self.state.listed()
            if tag is not None:
                there = [each for each in there if tag in each.tags and _is_tagged(each)]
            # As the documentation reads: "by default, only non-GPU Droplets are returned".
            there = [each for each in there if each.is_gpu == (kind == "gpus")]
            if name is not None:
                there = [each for each in there if each.name.lower() == name.lower()]
            found = [each.resource() for each in there]
        return self._paged(call, "droplets", found)

    def _actions(self, call: Call) -> Reply:
        return self._paged(call, "actions", self.state.droplet(call.names["id"]).actions)

    def _act(self, call: Call) -> Reply:
        found = self.state.droplet(call.names["id"])
        action = self.state.act(found, str((call.body or {}).get("type")))
        return Reply({"action": action}, 201)

    def _action(self, call: Call) -> Reply:
        for droplet in self.state.ever:
            for action in droplet.actions:
                if str(action["id"]) == call.names["id"]:
                    return Reply({"action": action})
        raise not_found()

    def _sizes(self, call: Call) -> Reply:
        return self._paged(call, "sizes", sizes().values())

    def _regions(self, call: Call) -> Reply:
        found = [{"slug": each, "name": each, "available": True} for each in regions()]
        return self._paged(call, "regions", found)

    def _images(self, call: Call) -> Reply:
        return self._paged(call, "images", [{"slug": each} for each in sorted(IMAGES)])

    def _list_keys(self, call: Call) -> Reply:
        return self._paged(call, "ssh_keys", self.state.keys.values())

    def _get_key(self, call: Call) -> Reply:
        if call.names["id"] not in self.state.keys:
            raise not_found()
        return Reply({"ssh_key": self.state.keys[call.names["id"]]})

    def _add_key(self, call: Call) -> Reply:
        asked = call.body or {}
        fingerprint = _fingerprint(str(asked.get("public_key", "")))
        with self.state.lock:
            if fingerprint in self.state.keys:
                raise unprocessable("SSH Key is already in use on your account")
            made = {**asked, "id": len(self.state.keys) + 1, "fingerprint": fingerprint}
            self.state.keys[fingerprint] = made
        return Reply({"ssh_key": made}, 201)

    def _paged(self, call: Call, name: str, found: Iterable[Mapping[str, Any]]) -> Reply:
        url = f"{self.endpoint}{call.request.path}"
        return Reply(page_of(list(found), name, url, call.query, self._page))


def _is_tagged(droplet: Droplet) -> bool:
    """Are its tags on it by now? This is a look."""
    droplet.untagged, is_late = max(0, droplet.untagged - 1), droplet.untagged > 0
    return not is_late


def _fingerprint(public_key: str) -> str:
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, ValueError):
        raise unprocessable(
            "Key invalid, key should be of the format `type key [comment]`"
        ) from None
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")
