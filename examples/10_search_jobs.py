"""Search for the best model of the digits: one call for all trials, on as many machines as it takes.

Runs on the local default. The same script on a cloud, or on a Ray cluster that grows with it:
PORTABLE_PROFILE=aws, or PORTABLE_COMPUTE=ray://auto.
"""

from itertools import product

import portable

TRIALS = [
    {"C": c, "gamma": gamma} for c, gamma in product([0.1, 1, 10, 100], [1e-4, 3e-4, 1e-3, 3e-3])
]


def accuracy(trial: dict[str, float]) -> float:
    """One trial, on a third of the images."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_score
    from sklearn.svm import SVC

    images, digits = load_digits(return_X_y=True)
    return float(cross_val_score(SVC(**trial), images[::3], digits[::3], cv=3).mean())


if __name__ == "__main__":
    scores = []
    for trial, score in zip(
        TRIALS, portable.compute.map(accuracy, TRIALS, timeout=900), strict=True
    ):
        print(f"C {trial['C']:<5} gamma {trial['gamma']:<7} {score:.3f}")
        scores.append((score, trial))
    best, trial = max(scores, key=lambda pair: pair[0])
    print(f"best: {trial} with {best:.3f}")
