"""The methods of a service as gRPC knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from portable.testing.fakes.pubsub.failures import Failure
from portable.testing.fakes.pubsub.faults import Faults, strike

Unary = Callable[[Any, grpc.ServicerContext], Any]
Stream = Callable[[Iterator[Any], grpc.ServicerContext], Iterator[Any]]
Seen = Callable[[str, Any, grpc.ServicerContext], None]

OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


def service(
    name: str,
    faults: Faults,
    seen: Seen,
    unary: Mapping[str, tuple[Any, Unary]],
    streams: Mapping[str, tuple[Any, Stream]] | None = None,
) -> grpc.GenericRpcHandler:
    """A service of the methods by name, each with its request's type and what it does.

    Args:
        seen: Told of each request.
    """
    handlers = {
        method: grpc.unary_unary_rpc_method_handler(
            partial(_answer, method, do, faults, seen),
            request_deserializer=kind.pb().FromString,
            response_serializer=_bytes,
        )
        for method, (kind, do) in unary.items()
    }
    handlers |= {
        method: grpc.stream_stream_rpc_method_handler(
            partial(_stream, method, do, faults),
            request_deserializer=kind.pb().FromString,
            response_serializer=_bytes,
        )
        for method, (kind, do) in (streams or {}).items()
    }
    return grpc.method_handlers_generic_handler(name, handlers)


def _bytes(answer: Any) -> bytes:
    serialized: bytes = answer.SerializeToString()
    return serialized


def _answer(
    method: str,
    do: Unary,
    faults: Faults,
    seen: Seen,
    request: Any,
    context: grpc.ServicerContext,
) -> Any:
    seen(method, request, context)
    fault = faults.due(method)
    try:
        if fault is not None and not fault.after:
            strike(fault, context)
        answer = do(request, context)
        if fault is not None and fault.after:
            strike(fault, context)
        return answer
    except Failure as failure:
        _refuse(failure, context)


def _stream(
    method: str,
    do: Stream,
    faults: Faults,
    requests: Iterable[Any],
    context: grpc.ServicerContext,
) -> Iterator[Any]:
    try:
        fault = faults.due(method)
        if fault is not None:
            strike(fault, context)
        yield from do(iter(requests), context)
    except Failure as failure:
        _refuse(failure, context)


def _refuse(failure: Failure, context: grpc.ServicerContext) -> NoReturn:
    number, _ = failure.status.value
    status = status_pb2.Status(code=number, message=failure.words)
    if failure.about:
        info = error_details_pb2.ErrorInfo(
            reason="EXACTLY_ONCE_ACKID_FAILURE",
            domain="pubsub.googleapis.com",
            metadata=dict(failure.about),
        )
        detail = any_pb2.Any()
        detail.Pack(info)
        status.details.append(detail)
    assert code_pb2.Code.Name(number)
    context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort_with_status raises")
