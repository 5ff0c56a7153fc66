"""Google Cloud Storage in memory: its JSON API and its XML API, at one address.

    with FakeGcs() as server:
        server.make_bucket("photos")
        portable.open_bucket(f"gs://photos?endpoint={server.endpoint}")

It enforces every precondition on generations, refuses bodies that differ from their CRC-32C or
MD5, pages its listings, and checks access tokens and V4 signatures of accounts that it made.
``python -m portable.testing.fakes.gcs PORT`` runs it as a process of its own.
"""

from portable.testing.fakes.gcs.server import FakeGcs

__all__ = ["FakeGcs"]
