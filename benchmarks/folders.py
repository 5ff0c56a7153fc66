"""A folder of small files up and down: the `portable` command beside s5cmd and rclone."""

from __future__ import annotations

import os
import shutil
from itertools import count
from pathlib import Path

from benchmarks.peers import Command, Peers, at_seaweedfs, folder
from benchmarks.timing import Row, Work, measure

FILES = 5000
FILE_BYTES = 16 * 1024


def run(rounds: int) -> list[Row]:
    """All rows; the server is started and stopped here. The files are on the working disk."""
    with at_seaweedfs() as peers, folder(Path()) as place:
        return _rows(place, peers, rounds)


def _rows(place: Path, peers: Peers, rounds: int) -> list[Row]:
    source, target = place / "source", place / "target"
    for number in range(FILES):
        path = source / f"{number % 50:02}" / f"{number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(FILE_BYTES))
    commands: dict[str, Command] = {
        "portable": peers.portable,
        "s5cmd": lambda source, target: peers.s5cmd(source, target, "sync"),
        "rclone": peers.rclone,
    }
    numbers = count()

    def up(command: Command) -> Work:
        return lambda: peers.run(command(f"{source}/", f"up/{next(numbers)}/"))

    def down(command: Command) -> Work:
        def work() -> None:
            target.mkdir()
            peers.run(command("all/", f"{target}/"))

        return work

    def again(command: Command) -> Work:
        return lambda: peers.run(command(f"{source}/", "all/"))

    def tidy() -> None:
        if target.exists():
            found = sum(len(files) for _, _, files in os.walk(target))
            assert found == FILES, found
            shutil.rmtree(target)
        os.sync()  # what one left to be written must not slow the next one

    # Stored by rclone: it keeps the files' times with the objects, and compares by them.
    peers.run(peers.rclone(f"{source}/", "all/"))
    rows = []
    for name, work in (
        (f"{FILES:,} files of 16 KiB up", up),
        (f"{FILES:,} files of 16 KiB down", down),
        ("again, nothing changed", again),
    ):
        works = {peer: work(command) for peer, command in commands.items()}
        rows.append(measure(name, "files/s", FILES, works, rounds, tidy=tidy))
    return rows
