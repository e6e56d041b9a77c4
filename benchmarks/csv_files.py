"""The CSV file that a benchmark writes into benchmarks/results, and the machine that it names."""

import csv
import datetime
import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def write_csv(name: str, rows: list[dict]) -> None:
    """Writes benchmarks/results/NAME.csv, with the columns of the first row, and says so."""
    path = RESULTS / f"{name}.csv"
    save_rows(path, rows)
    print(f"written: {path.relative_to(ROOT)}")


def save_rows(path: Path, rows: list[dict]) -> None:
    """Writes rows with the columns of the first."""
    draft = path.with_suffix(".part")  # a benchmark that goes on from its file may be ended at any moment
    with draft.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    draft.replace(path)


def cpu_name() -> str:
    """Returns the processor, as Python names it."""
    return platform.processor() or platform.machine()


def today() -> str:
    """Returns the date as 2026-11-24."""
    return datetime.date.today().isoformat()
