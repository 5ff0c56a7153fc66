"""``python -m portable.testing.fakes.pubsub PORT``."""

import sys

from portable.testing.fakes.pubsub.server import FakePubSub

if __name__ == "__main__":
    FakePubSub(int(sys.argv[1])).serve()
