"""``python -m portable.testing.fakes.gcs PORT``."""

import sys

from portable.testing.fakes.gcs.server import FakeGcs

if __name__ == "__main__":
    FakeGcs(int(sys.argv[1])).serve()
