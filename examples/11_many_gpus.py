"""A long training on several GPUs of one machine: what it would take, and how it is begun.

Prints the machines that have what it needs and what they cost; nothing is started, and no account
is needed. `python examples/11_many_gpus.py go` submits it to the profile's compute.
"""

import sys
from datetime import timedelta

import portable
from portable.compute import Needs
from portable.compute.catalogue import offers

GPUS, GPU, HOURS = 4, "V100", 72
NEEDS = Needs(gpus=GPUS, gpu=GPU, cpus=8)
# torchrun starts a process for each GPU; the script saves a checkpoint into out/ now and then, and
# goes on from the one in resume/ where there is one.
COMMAND = f"torchrun --standalone --nproc-per-node {GPUS} train.py --resume resume --save out"


def plan() -> None:
    """The cheapest machine of each cloud, by the prices in the package."""
    print(f"{GPUS} x {GPU} for {HOURS} hours:")
    seen = set()
    for offer in offers(NEEDS):
        if offer.provider in seen or offer.usd_per_hour is None:
            continue
        seen.add(offer.provider)
        spot = offer.usd_per_hour_spot
        less = f", ${spot * HOURS:,.2f} if it may be taken away" if spot else ""
        print(
            f"  {offer.provider:<6} {offer.region:<12} {offer.machine:<22} "
            f"${offer.usd_per_hour:.2f} an hour, ${offer.usd_per_hour * HOURS:,.2f}{less}"
        )
    print("submit:", COMMAND)


def go() -> None:
    """Rent it: it ends with the training, at its time or when the money is used up."""
    job = portable.compute.submit(
        COMMAND,
        name="many-gpus",
        gpus=GPUS,
        gpu=GPU,
        image="deep-learning",
        inputs={"data": "datasets/images", "resume": "runs/many-gpus"},
        outputs={"out": "runs/many-gpus"},
        timeout=timedelta(hours=HOURS),
        max_usd=1000,
    )
    print(f"{job.id} is {job.status}: portable logs -f {job.id}")


if __name__ == "__main__":
    go() if sys.argv[1:] == ["go"] else plan()
