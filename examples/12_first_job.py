"""One job, told from its submission to its bill: the first thing to run on a new profile.

Runs on the local default. PORTABLE_PROFILE=aws, gcp, azure, digitalocean or kubernetes is the same
job there: a minute of the cheapest machine. Without an account: `portable emulate aws -- python
examples/12_first_job.py`. On a Ray cluster of this computer:
PORTABLE_COMPUTE='ray://auto?shared_files=true'.
"""

import portable

COMMAND = """
echo "task $PORTABLE_TASK_INDEX of $PORTABLE_TASK_COUNT"
mkdir out && echo 0.93 > out/accuracy
sleep 3
echo done
"""


def tell(what: str, *words: object) -> None:
    print(f"{what:<8}", *words, flush=True)


def dollars(amount: float | None, per: str = "") -> str:
    return "price unknown" if amount is None else f"${amount:.6f}{per}"


if __name__ == "__main__":
    job = portable.compute.submit(COMMAND, outputs={"out": "runs/first"}, timeout=600)
    tell("submit", job.id, "at", portable.open_compute().provider)
    tell("status", job.status)
    machines = list(portable.compute.instances.list({"portable-job": job.id}))
    for machine in machines:
        kind = machine.info.machine or machine.info.name
        tell("machine", f"{kind},", dollars(job.record.choices[0].usd_per_hour, " an hour"))
    for line in job.logs(follow=True):
        tell("log", line, f"({job.status})")
    result = job.wait()
    tell("result", result.status, "with exit code", result.exit_code)
    for key in result.outputs:
        tell("output", key, portable.storage.get(key).decode().strip())
    tell("took", f"{result.seconds:.1f} s,", dollars(result.cost))
    for machine in machines:
        tell("machine", machine.wait("terminated", 300).state)
