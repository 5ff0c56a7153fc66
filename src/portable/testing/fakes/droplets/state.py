"""The Droplets of one account, and what becomes of them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from typing import Any

from portable.testing.fakes.droplets.droplet import Droplet
from portable.testing.fakes.droplets.rules import check
from portable.testing.fakes.droplets.wording import LIMIT, PENDING, not_found, unprocessable
from portable.testing.fakes.machines import Boot, MachineHost


class State:
    """Everything there is.

    Attributes:
        droplets: Those that are told of: all that aren't destroyed, or were just now.
        ever: Every one so far.
        keys: The account's ssh keys, by fingerprint.
        limit: How many Droplets there may be.
        seconds: Until a new one is active.
        busy: How many of the next destructions find an event under way.
        hides, untags: How many looks, or listings by a tag, don't see the next one.
    """

    def __init__(self, host: MachineHost) -> None:
        self.lock = threading.RLock()
        self.droplets: dict[int, Droplet] = {}
        self.ever: list[Droplet] = []
        self.keys: dict[str, dict[str, Any]] = {}
        self.limit = 25
        self.seconds = 0.05
        self.busy = 0
        self.hides = self.untags = 0
        self._host = host
        self._closed = False
        self._number = itertools.count(3164494)

    def droplet(self, id: str) -> Droplet:
        """One that there is; this is a look."""
        with self.lock:
            found = self.droplets.get(int(id)) if id.isdigit() else None
            if found is None or not found.seen():
                raise not_found()
            return found

    def listed(self) -> list[Droplet]:
        """All that a listing tells of; this is a look at each that is destroyed."""
        with self.lock:
            return [
                each
                for each in self.droplets.values()
                if not each.hidden and (not each.is_destroyed or each.seen())
            ]

    def create(self, asked: Mapping[str, Any]) -> Droplet:
        """Make one; it is active a little later."""
        with self.lock:
            check(asked, self.keys)
            if len(self.droplets) >= self.limit:
                raise unprocessable(LIMIT)
            made = Droplet(next(self._number), dict(asked), hidden=self.hides, untagged=self.untags)
            self.hides = self.untags = 0
            self._note(made, "create", "in-progress")
            self.droplets[made.id] = made
            self.ever.append(made)
        timer = threading.Timer(self.seconds, self._boot, (made,))
        timer.daemon = True
        timer.start()
        return made

    def destroy(self, found: Droplet) -> None:
        """End one, and its disk; it is told of once more."""
        with self.lock:
            if self.busy > 0:
                self.busy -= 1
                raise unprocessable(PENDING)
            if found.is_destroyed:
                return
            found.is_destroyed = True
        if found.real is not None:
            found.real.kill()

    def act(self, found: Droplet, kind: str) -> dict[str, Any]:
        """Do one of the actions that change whether it is on."""
        if kind == "power_on":
            found.status = "active"
            if found.real is not None:
                found.real.switch_on(Boot(runs=False))  # user data is for the first boot alone
        elif kind in ("power_off", "shutdown"):
            if found.real is not None:
                found.real.kill()
            found.status = "off"
        else:
            raise unprocessable(f"You specified an invalid action type: {kind}")
        return self._note(found, kind, "completed")

    def is_off(self, found: Droplet) -> None:
        """It has switched itself off, or crashed: it stays, and costs."""
        with self.lock:
            found.status = "off"

    def close(self) -> None:
        """Let no more machine start."""
        with self.lock:
            self._closed = True

    def _boot(self, made: Droplet) -> None:
        with self.lock:
            if made.is_destroyed or self._closed:
                return
            made.status = "active"
            made.actions[0]["status"] = "completed"
            script = made.asked.get("user_data") or "#!/bin/sh\n"
            made.real = self._host.start(script, lambda _: self.is_off(made))

    def _note(self, found: Droplet, kind: str, status: str) -> dict[str, Any]:
        action = {
            "id": next(self._number),
            "type": kind,
            "status": status,
            "resource_id": found.id,
            "resource_type": "droplet",
            "region_slug": found.asked["region"],
        }
        found.actions.append(action)
        return action
