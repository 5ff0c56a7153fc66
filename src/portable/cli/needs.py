"""Options that say what a machine must have."""

from __future__ import annotations

from typing import Annotated

import typer

Cpus = Annotated[float, typer.Option(help="At least so many processors.")]
Memory = Annotated[float | None, typer.Option(metavar="GIB", help="At least so much memory.")]
Gpus = Annotated[int, typer.Option(help="At least so many GPUs.")]
Gpu = Annotated[str | None, typer.Option(metavar="MODEL", help="This GPU: L4, A100-80GB.")]
Disk = Annotated[int | None, typer.Option(metavar="GIB", help="So large a disk.")]
Machine = Annotated[
    str | None, typer.Option(metavar="TYPE", help="This type of machine: p3.8xlarge.")
]
Spot = Annotated[bool, typer.Option("--spot", help="A cheaper machine, that may be taken away.")]
Image = Annotated[
    str | None, typer.Option(metavar="NAME", help="What it boots: ubuntu-24.04, deep-learning.")
]
