"""Search for the best model of the digits: trials go through a queue to several workers.

Runs on the local default. The same script anywhere else: PORTABLE_PROFILE=aws, gcp or azure, with
more workers on more machines: `python examples/07_search.py worker`.
"""

import io
import json
import subprocess
import sys
from itertools import product

from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

import portable
from portable.queue import Message

RUN = "runs/search"
WORKERS = 2
TRIALS = [
    {"number": number, "C": c, "gamma": gamma}
    for number, (c, gamma) in enumerate(product([0.1, 1, 10, 100], [1e-4, 3e-4, 1e-3, 3e-3]))
]


def score(message: Message) -> None:
    """Handle one trial, on a third of the images. Twice does no harm: it stores the same result at the same key."""
    trial = message.body
    images, digits = load_digits(return_X_y=True)
    model = SVC(C=trial["C"], gamma=trial["gamma"])
    accuracy = float(cross_val_score(model, images[::3], digits[::3], cv=3).mean())
    key = f"{RUN}/trials/{trial['number']:03}.json"
    portable.storage.put(key, json.dumps({**trial, "accuracy": accuracy}).encode())


def work() -> None:
    """Take trials until there are none; one whose worker dies is handed to another."""
    report = portable.queue.consume(score, idle_timeout=2)
    print(f"a worker handled {report.handled} trials")


def picture(results: list[dict[str, float]]) -> bytes:
    """Where in the plane of both parameters the models are good, as a PNG."""
    import matplotlib.pyplot as plt  # workers draw nothing

    values = [[result[name] for result in results] for name in ("C", "gamma", "accuracy")]
    plt.scatter(values[0], values[1], c=values[2], s=200)
    plt.loglog()
    plt.xlabel("C"), plt.ylabel("gamma"), plt.colorbar(label="accuracy")
    target = io.BytesIO()
    plt.savefig(target, format="png", dpi=120)
    return target.getvalue()


def search() -> None:
    """Send the trials, let workers handle them, and look at what came out."""
    portable.storage.delete_prefix(f"{RUN}/")
    portable.queue.send_many(TRIALS)
    workers = [subprocess.Popen([sys.executable, __file__, "worker"]) for _ in range(WORKERS)]
    for worker in workers:
        worker.wait()
    keys = [info.key for info in portable.storage.list(f"{RUN}/trials/")]
    results = [json.loads(portable.storage.get(key)) for key in keys]
    best = max(results, key=lambda result: result["accuracy"])
    portable.storage.put(f"{RUN}/best.json", json.dumps(best).encode())
    portable.storage.put(f"{RUN}/search.png", picture(results))
    print(f"{len(results)} of {len(TRIALS)} trials; the best: {best}")


if __name__ == "__main__":
    work() if sys.argv[1:] == ["worker"] else search()
