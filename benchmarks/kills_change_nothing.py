"""Claim: a comparison that is killed without warning at any moments, and repeated until it ends, ends with the files of
one that nobody killed, bit for bit.

    python benchmarks/kills_change_nothing.py [--kills 200] [--seed 0] [--folder runs/kills_change_nothing]

The comparison is the preset smoke, with perturbation that decides progressively and tunes in between. It runs once in
peace. Then, in a new folder each time, it is started, killed by SIGKILL after a random time of up to 1.2 of what the
peaceful one took, started again, and so on until a start comes to its end. What is left is compared with the peaceful
folder: the names of all files, and what they hold, without the seconds that something took, and the drawn report, which
shows these. Writes a line for each end into benchmarks/results/kills_change_nothing.csv: how many kills it took, after
how many seconds each, and the first file that differs. A second call goes on from that file. The exit status is 1 if
anything differs. Processes are forked from one that has loaded torch, so that kills fall into the work.
"""

import argparse
import csv
import os
import random
import shutil
import sys
import time
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import RESULTS, cpu_name, today, write_csv
from benchmarks.folders_compared import find_difference

NAME = "kills_change_nothing"
COMMAND = "compare --config smoke --criteria magnitude,ntk,parameters,random,perturbation@progressive --tune_epochs 1"
LOADED = ["torch", "torchvision", "timm", "sklearn.datasets", "scipy.stats", "jsonargparse", "safetensors.torch"]
LONGEST = 1.2  # of the peaceful time
HANGS = 30  # peaceful times: a start that takes longer has come to a stop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs") / NAME)
    args = parser.parse_args()
    rows = read_rows()
    starter = Starter(args.folder)
    peaceful = starter.run_in_peace()
    while count_kills(rows) < args.kills:
        rows.append(kill_until_the_end(starter, peaceful, random.Random(f"{args.seed}/{len(rows)}")))
        write_csv(NAME, rows)
    different = [row for row in rows if row["difference"]]
    killed = [row for row in rows if int(row["kills"])]
    print(f"{len(killed)} comparisons were killed, {count_kills(rows)} times; {len(different)} ends differ")
    sys.exit(bool(different))


def read_rows() -> list[dict]:
    """Returns the ends of earlier calls."""
    path = RESULTS / f"{NAME}.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def count_kills(rows: list[dict]) -> int:
    """Counts the kills of all ends."""
    return sum(int(row["kills"]) for row in rows)


class Starter:
    """Starts the comparison, in processes of its own, in folders below one."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.server = get_context("forkserver")
        self.server.set_forkserver_preload(LOADED)
        self.seconds = 0.0

    def run_in_peace(self) -> Path:
        """Returns the folder of a comparison that nobody kills; it is timed when all is loaded."""
        for name in ("first", "peaceful"):
            place = self._make_folder(name)
            start = time.perf_counter()
            if not self.start(place, None):
                raise SystemExit(f"the comparison fails: see {place / 'output'}")
            self.seconds = time.perf_counter() - start
        return place / "run"

    def start(self, place: Path, seconds: float | None) -> bool:
        """Starts the comparison and kills it after so many seconds; returns whether it came to its end before.

        Raises:
            RuntimeError: it fails, or does not end.
        """
        process = self.server.Process(target=compare, args=(place,))
        process.start()
        limit = HANGS * self.seconds if self.seconds else None
        process.join(limit if seconds is None else seconds)
        was_killed = process.is_alive()
        process.kill()
        process.join()
        if was_killed and seconds is None:
            raise RuntimeError("does not come to its end")
        if not was_killed and process.exitcode:
            raise RuntimeError(f"fails with exit status {process.exitcode}: see {place / 'output'}")
        return not was_killed

    def _make_folder(self, name: str) -> Path:
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return place

    def make_killed_folder(self) -> Path:
        """Returns an empty folder for a comparison that is killed."""
        return self._make_folder("killed")


def compare(place: Path) -> None:
    """Runs the comparison in `place`/run: its settings are the same in every place."""
    os.chdir(place)
    with open("output", "a") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    from darts_ext.cli import main

    sys.argv = ["run_darts.py", *COMMAND.split(), "--out", "run"]
    sys.exit(main(sys.argv[1:]))


def kill_until_the_end(starter: Starter, peaceful: Path, rng: random.Random) -> dict:
    """Returns the line of a comparison that is killed until it ends."""
    place = starter.make_killed_folder()
    moments: list[float] = []
    try:
        while True:
            moment = rng.uniform(0, LONGEST * starter.seconds)
            if starter.start(place, moment):
                break
            moments.append(moment)
        difference = find_difference(peaceful, place / "run")
    except RuntimeError as error:
        difference = str(error)
    if difference:
        shutil.copytree(place, starter.folder / f"different-{time.time_ns()}")
    return {
        "kills": len(moments),
        "difference": difference,
        "moments": " ".join(f"{moment:.3f}" for moment in moments),
        "peaceful_seconds": round(starter.seconds, 2),
        "cpu": cpu_name(),
        "torch": version("torch"),
        "date": today(),
    }


if __name__ == "__main__":
    main()
