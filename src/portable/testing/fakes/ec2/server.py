"""The server in front of moto."""

from __future__ import annotations

import base64
import threading
from collections import deque

from portable.testing.fakes.ec2.query import Query, Refused, query, send, text
from portable.testing.fakes.ec2.rules import Rules
from portable.testing.fakes.machines import Boot, FakeMachine, MachineHost
from portable.testing.fakes.serving import HttpFake
from portable.testing.fakes.wire import Answer, Request

GRACE_SECONDS = 0.5  # from a stop's or an end's SIGTERM to SIGKILL; EC2's is minutes


class FakeEc2(HttpFake):
    """A server on a port of 127.0.0.1. A context manager; its machines are gone at its end.

    Attributes:
        endpoint: ``http://127.0.0.1:PORT``.
        moto: Where moto answers, which has the other services.
        host: Where its machines run.
        requests: Each one so far.
    """

    def __init__(self, moto: str, port: int = 0) -> None:
        """Listen; requests are answered from `start` on.

        Args:
            moto: The endpoint of moto's server.
            port: Any free one unless given.
        """
        super().__init__(port)
        self.host = MachineHost()
        self.requests: list[Query] = []
        self.moto = moto
        self._rules = Rules(moto)
        self._machines: dict[str, tuple[FakeMachine, Query]] = {}
        self._launched: dict[str, tuple[Query, Answer, str]] = {}
        self._refusals: deque[Refused] = deque()
        self._lost, self._hidden = 0, 0
        self._looks: dict[str, int] = {}
        self._lock = threading.RLock()  # moto isn't for several at once

    def stop(self) -> None:
        """Pull every plug, too."""
        super().stop()
        self.host.close()

    def machine(self, id: str) -> FakeMachine:
        """What an instance is here."""
        return self._machines[id][0]

    def refuse(
        self, code: str, text: str = "as ordered", *, status: int = 400, times: int = 1
    ) -> None:
        """Answer the next launches with an error of EC2; nothing is started."""
        self._refusals.extend(Refused(code, text, status) for _ in range(times))

    def lose_answer(self) -> None:
        """Carry the next launch out, and cut the connection instead of answering."""
        self._lost += 1

    def hide(self, looks: int) -> None:
        """Let the next machine not be found by the first requests that name it."""
        self._hidden = looks

    def kill(self, id: str) -> None:
        """Let the machine's hardware fail: it is off at once, and then terminated."""
        machine, launch = self._machines[id]
        machine.kill()
        self._terminate(id, launch)

    def preempt(self, id: str, notice: float) -> None:
        """Take a spot machine away: its programs are asked to end, and *notice* seconds later do."""
        machine, launch = self._machines[id]
        machine.shut_down(notice)

        def follow() -> None:
            machine.wait_off(notice + 10)
            self._terminate(id, launch)

        threading.Thread(target=follow, daemon=True).start()

    def clear(self) -> None:
        """Forget what was ordered to go wrong, and the requests so far."""
        self._refusals.clear()
        self._lost, self._hidden = 0, 0
        self.requests.clear()

    def _answer(self, request: Request) -> Answer:
        asked = query(request.headers, request.body)
        self.requests.append(asked)
        try:
            with self._lock:
                self._check_seen(asked)
                return self._carry_out(asked)
        except Refused as refusal:
            return refusal.answer

    def _carry_out(self, asked: Query) -> Answer:
        if asked.action == "RunInstances":
            return self._launch(asked)
        answer = send(self.moto, asked)
        if answer.status == 200:
            for machine, _ in [self._machines[id] for id in asked.ids if id in self._machines]:
                if asked.action in ("StopInstances", "TerminateInstances"):
                    machine.shut_down(GRACE_SECONDS)
                elif asked.action == "StartInstances":
                    machine.wait_off()
                    machine.switch_on(Boot(runs=False))  # cloud-init runs user data once
                elif asked.action == "RebootInstances":
                    machine.kill()
                    machine.switch_on(Boot(runs=False))
        return answer

    def _launch(self, asked: Query) -> Answer:
        if self._refusals:
            raise self._refusals.popleft()
        token = asked.asked.get("ClientToken", "")
        if (again := self._again(token, asked)) is not None:
            return again
        answer = send(self.moto, self._rules.checked(asked))
        if answer.status != 200:
            return answer
        id = text(answer, "instanceId")
        script = base64.b64decode(asked.asked.get("UserData", "")) or b"#!/bin/sh\n"
        behaviour = asked.asked.get("InstanceInitiatedShutdownBehavior", "stop")
        end = {"terminate": "TerminateInstances", "stop": "StopInstances"}[behaviour]
        order = asked.asking(end, InstanceId_1=id)
        machine = self.host.start(script, lambda _: self._forward(order))
        self._machines[id] = machine, asked
        if token:
            self._launched[token] = asked, answer, id
        self._looks[id], self._hidden = self._hidden, 0
        if self._lost:
            self._lost -= 1
            raise ConnectionAbortedError("the answer is lost, as ordered")
        return answer

    def _again(self, token: str, asked: Query) -> Answer | None:
        """The answer to a launch with a token that there was before."""
        if token not in self._launched:
            return None
        before, answer, id = self._launched[token]
        if before.asked != asked.asked:
            raise Refused(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request.",
            )
        if self._state(id, asked) in ("shutting-down", "terminated"):
            raise Refused(
                "IdempotentInstanceTerminated",
                f"The instance {id} of this client token has been terminated.",
            )
        return answer

    def _state(self, id: str, asked: Query) -> str:
        answer = send(self.moto, asked.asking("DescribeInstances", InstanceId_1=id))
        return text(answer, "name", inside="instanceState")

    def _check_seen(self, asked: Query) -> None:
        for id in asked.ids:
            if self._looks.get(id, 0) > 0:
                self._looks[id] -= 1
                raise Refused(
                    "InvalidInstanceID.NotFound", f"The instance ID '{id}' does not exist"
                )

    def _terminate(self, id: str, launch: Query) -> None:
        self._forward(launch.asking("TerminateInstances", InstanceId_1=id))

    def _forward(self, asked: Query) -> None:
        with self._lock:
            send(self.moto, asked)
