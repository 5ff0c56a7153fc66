"""moto's server, with the checks in front that S3 makes and moto doesn't."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portable.testing.servers._environments import environment
from portable.testing.servers._process import Plan, running
from portable.testing.servers._server import S3Server, prove_usable

# awscrt: CRC32C and CRC64NVME at the speed of C, for moto and for the checks.
REQUIREMENTS = ("moto[server]==5.2.5", "awscrt==0.38.1")


@contextmanager
def moto_server() -> Iterator[S3Server]:
    """Run moto behind `portable.testing.servers.checking`.

    Bodies that don't match their checksums or lengths are refused as by S3, and so are
    conditions that moto ignores; credentials are not checked. Every other AWS service that moto
    knows answers at the same endpoint, unchanged.

    Raises:
        ServerUnavailable: it can't be installed or started here.
    """
    programs = environment("moto", REQUIREMENTS)

    def plan(port: int, _folder: Path) -> Plan[S3Server]:
        server = S3Server(
            name="moto",
            endpoint=f"http://127.0.0.1:{port}",
            access_key="testing",
            secret_key="testing",
            region="us-east-1",
            checks_credentials=False,
        )

        def make_ready() -> S3Server:
            prove_usable(server)
            return server

        return Plan(
            argv=[str(programs / "python"), "-m", "checking", str(port)],
            # The checks import nothing of `portable`, which isn't installed over there.
            environment={"PYTHONPATH": str(Path(__file__).parent)},
            make_ready=make_ready,
        )

    with running("moto", plan) as server:
        yield server
