"""ministack: every AWS service on one port, and S3 with its own integrity checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from portable.testing.servers._environments import environment
from portable.testing.servers._process import Plan, running
from portable.testing.servers._server import S3Server, prove_usable

REQUIREMENTS = ("ministack==1.5.33",)
ALLOW_ALL = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
)


@contextmanager
def ministack() -> Iterator[S3Server]:
    """Run ministack and give the key of a user made for the tests.

    The signatures of the root key ``test`` aren't checked even with ``AUTH=true``; a user's are.

    Raises:
        ServerUnavailable: it can't be installed or started here.
    """
    programs = environment("ministack", REQUIREMENTS)

    def plan(port: int, folder: Path) -> Plan[S3Server]:
        root = S3Server(
            name="ministack",
            endpoint=f"http://127.0.0.1:{port}",
            access_key="test",
            secret_key="test",
            region="us-east-1",
            checks_credentials=True,
        )

        def make_ready() -> S3Server:
            server = _with_user(root)
            prove_usable(server)
            return server

        return Plan(
            argv=[str(programs / "ministack")],
            environment={
                "BIND_HOST": "127.0.0.1",
                "MINISTACK_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "AUTH": "true",
                "LOG_LEVEL": "WARNING",
                "STATE_DIR": str(folder / "state"),
                "SFTP_ENABLED": "0",
                # It manages containers of its own; this one is to leave the machine's alone.
                "DOCKER_HOST": f"unix://{folder}/no-docker",
            },
            make_ready=make_ready,
        )

    with running("ministack", plan) as server:
        yield server


def _with_user(root: S3Server) -> S3Server:
    import boto3

    session: Any = boto3.session.Session()
    iam = session.client(
        "iam",
        endpoint_url=root.endpoint,
        aws_access_key_id=root.access_key,
        aws_secret_access_key=root.secret_key,
        region_name=root.region,
    )
    user = "portable"
    try:
        with suppress(iam.exceptions.EntityAlreadyExistsException):  # from a try that failed later
            iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=ALLOW_ALL)
        key = iam.create_access_key(UserName=user)["AccessKey"]
    finally:
        iam.close()
    return replace(root, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
