"""Google Cloud Pub/Sub in memory, over real gRPC: Google's own client talks to it unchanged.

    with FakePubSub() as server:
        server.add(Fault("Publish", StatusCode.UNAVAILABLE, times=2))
        portable.open_queue(f"pubsub://testing/jobs?endpoint={server.endpoint}")
        server.advance(30)

Topics, subscriptions, unary and streaming pulls, deadlines, ordering keys, exactly-once
acknowledgements, dead letters, seeks, retention and expiry follow Google's documentation, and its
limits are enforced. There is no IAM, no push, no filter, no schema and no snapshot.
``python -m portable.testing.fakes.pubsub PORT`` runs it as a process of its own. It needs
google-cloud-pubsub: ``pip install 'portable-cloud[gcp]'``.
"""

from portable.testing.fakes.pubsub.faults import Fault
from portable.testing.fakes.pubsub.server import FakePubSub

__all__ = ["FakePubSub", "Fault"]
