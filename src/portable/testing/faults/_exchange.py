"""One request and its answer, with at most one fault."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from portable.testing.faults._answers import Answer, error_answer, internal_error
from portable.testing.faults._messages import (
    Head,
    Piece,
    Stream,
    answer_body,
    has_body,
    is_open_ended,
    read_head,
    request_body,
)
from portable.testing.faults._rules import CUTS, NOT_FORWARDED, Fault, Request, position

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CONTINUE_SECONDS = 2.0  # the longest wait for a server that may not know of 100-continue
DRIP_SECONDS = 0.05


class Ended(Exception):
    """The client's connection is to be closed, or is already."""


class Exchange:
    """One request on a client's connection, its head read."""

    def __init__(
        self,
        client: Stream,
        head: Head,
        request: Request,
        fault: Fault | None,
        *,
        connect: Callable[[], Stream],
        stopping: threading.Event,
        keep_body: bool,
    ) -> None:
        self._client = client
        self._head = head
        self._request = request
        self._fault = fault
        self._kind = fault.kind if fault else "pass"
        self._connect = connect
        self._stopping = stopping
        self._keep_body = keep_body

    def run(self) -> None:
        """Carry the request out.

        Raises:
            Ended: no other request can follow on this connection.
            OSError: one of the ends went away.
        """
        if self._fault and self._fault.before:
            self._fault.before(self._request)
        if self._is_kept_from_server():
            self._take_body()
            if self._kind == "cut_up":
                self._reset()
            self._answer_here()
            if self._head.ends_connection():
                raise Ended
            return
        server = self._connect()
        try:
            self._forward(server)
        finally:
            server.close()

    def _is_kept_from_server(self) -> bool:
        if self._kind == "ok_with_error":
            return not (self._fault and self._fault.forward)
        if self._kind == "cut_up":
            return not self._head.is_chunked and not self._head.length
        return self._kind in NOT_FORWARDED

    # What follows up to `_answer` is the request's way up.

    def _take_body(self) -> None:
        if "100-continue" in self._head.header("expect").lower():
            self._client.send(CONTINUE)
        for piece in request_body(self._client, self._head):
            self._count(piece)

    def _count(self, piece: Piece) -> None:
        if piece.is_content:
            self._request.body_length += len(piece.data)
            if self._keep_body:
                self._request.body += piece.data

    def _forward(self, server: Stream) -> None:
        server.send(self._stripped())
        answer = self._await_continue(server)
        is_whole = answer is None and self._send_body(server)
        answer = answer or _final_head(server)
        self._answer(server, answer)
        if not is_whole or is_open_ended(answer, self._request.method):
            raise Ended
        if answer.ends_connection() or self._head.ends_connection():
            raise Ended

    def _stripped(self) -> bytes:
        if self._fault is None or self._kind != "strip":
            return self._head.raw
        head = self._head.without(self._fault.headers)
        if head != self._head.raw:
            self._request.fault = "strip"
        return head

    def _await_continue(self, server: Stream) -> Head | None:
        """Let the server invite the body; return its answer if it gives that instead."""
        if "100-continue" not in self._head.header("expect").lower():
            return None
        if not server.has_more(within_seconds=CONTINUE_SECONDS):
            self._client.send(CONTINUE)
            return None
        head = read_head(server)
        if head is None:
            raise ConnectionError("the server closed the connection")
        if head.status != 100:
            return head
        self._client.send(head.raw)
        return None

    def _send_body(self, server: Stream) -> bool:
        """Return False where the server answered, and closed, before it had read everything."""
        at = self._position(self._head.length)
        sent = 0
        for piece in request_body(self._client, self._head):
            self._count(piece)
            data, here = piece.data, at - sent
            if piece.is_content:
                sent += len(data)
                if 0 <= here < len(data) and self._kind == "flip_up":
                    data = _flipped(data, here)
                    self._request.fault = "flip_up"
                elif 0 <= here < len(data) and self._kind == "cut_up":
                    server.send(data[:here])
                    server.reset()
                    self._reset()
            try:
                server.send(data)
            except OSError:
                if not server.has_more(within_seconds=0):
                    raise
                return False
        return True

    def _position(self, length: int | None) -> int:
        return position((self._fault and self._fault.at) or 0, length)

    # The answer's way down.

    def _answer(self, server: Stream, answer: Head) -> None:
        self._request.status = answer.status
        body = answer_body(server, answer, self._request.method)
        match self._kind:
            case "lost":
                for _ in body:
                    pass
                self._reset()
            case "ok_with_error":
                for _ in body:
                    pass
                self._answer_here()
            case "swap":
                content = b"".join(piece.data for piece in body if piece.is_content)
                self._swap(Answer(answer.status, answer.headers, content))
            case "stall" if self._fault and self._fault.at is None:
                self._pause(self._fault.seconds)
                self._relay(answer, body)
            case kind if kind in CUTS and has_body(answer, self._request.method):
                self._cut(answer, body)
            case "reset":
                self._client.send(answer.raw)
                self._reset()
            case _:
                self._relay(answer, body)

    def _relay(self, answer: Head, body: Iterator[Piece]) -> None:
        self._client.send(answer.raw)
        at = self._position(answer.length)
        sent = 0
        for piece in body:
            if not piece.is_content:
                self._client.send(piece.data)
                continue
            self._send_content(piece.data, at - sent)
            sent += len(piece.data)

    def _send_content(self, data: bytes, here: int) -> None:
        """Send content in which the fault's offset is *here*, if it is in it at all."""
        is_here = 0 <= here < len(data)
        match self._fault:
            case Fault(kind="flip_down") if is_here:
                self._request.fault = "flip_down"
                self._client.send(_flipped(data, here))
            case Fault(kind="stall", at=int(), seconds=seconds) if is_here:
                self._client.send(data[:here])
                self._pause(seconds)
                self._client.send(data[here:])
            case Fault(kind="drip", rate=rate):
                self._drip(data, rate)
            case _:
                self._client.send(data)

    def _cut(self, answer: Head, body: Iterator[Piece]) -> None:
        """Send the answer's first bytes, framed to the fault's liking."""
        self._request.fault = self._kind
        content = _first(body, self._position(answer.length))
        if self._kind == "chunk_end":
            head = answer.reframed("Transfer-Encoding: chunked")
            self._client.send(head + _chunk(content) + b"0\r\n\r\n")
        elif self._kind == "wrong_length":
            self._client.send(answer.reframed(f"Content-Length: {len(content)}") + content)
        elif self._kind == "no_length":
            self._client.send(answer.reframed("Connection: close") + content)
            self._client.finish()
            raise Ended
        else:
            framed = _chunk(content) if answer.is_chunked else content
            self._client.send(answer.raw + framed)
            if self._kind == "reset":
                self._reset()
            self._client.finish()
            raise Ended

    def _answer_here(self) -> None:
        assert self._fault
        match self._fault:
            case Fault(kind="redirect", location=location):
                answer = error_answer(307, "TemporaryRedirect", location, location=location)
            case Fault(kind="ok_with_error", answer=given):
                answer = Answer(200, body=(given or internal_error()).body)
            case Fault(answer=Answer() as answer):
                pass
        self._request.fault = self._kind
        self._request.status = answer.status
        self._client.send(answer.encoded(self._request.method))

    def _swap(self, answer: Answer) -> None:
        assert self._fault
        assert self._fault.change
        changed = self._fault.change(self._request, answer)
        self._request.fault = "swap"
        self._request.status = changed.status
        self._client.send(changed.encoded(self._request.method))

    def _pause(self, seconds: float) -> None:
        self._request.fault = self._kind
        if self._stopping.wait(seconds):
            raise Ended

    def _drip(self, data: bytes, rate: int) -> None:
        size = max(1, int(rate * DRIP_SECONDS))
        for start in range(0, len(data), size):
            drop = data[start : start + size]
            self._pause(len(drop) / rate)
            self._client.send(drop)

    def _reset(self) -> None:
        self._request.fault = self._kind
        self._client.reset()
        raise Ended


def _final_head(server: Stream) -> Head:
    while True:
        head = read_head(server)
        if head is None:
            raise ConnectionError("the server closed the connection")
        if head.status >= 200:
            return head  # a late 100 is dropped: the body has been sent


def _first(body: Iterator[Piece], size: int) -> bytes:
    content = bytearray()
    for piece in body:
        if piece.is_content:
            content += piece.data
        if len(content) >= size:
            break
    return bytes(content[:size])


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content) if content else b""


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
