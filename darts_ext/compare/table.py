"""The comparison as numbers: mean and spread over seeds."""

import statistics
from collections.abc import Mapping, Sequence

TABLE = ("table_cifar10", "table_cifar100", "table_in16")  # accuracies of NAS-Bench-201, where the cells are its own
MEANS = (
    "parameters",
    "skips",
    "added_skips",
    "evaluations",
    "saved",
    "search_seconds",
    "select_seconds",
    "retrain_seconds",
)


def aggregate(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """One line a criterion, best mean test accuracy first; the spread is the sample standard deviation over seeds,
    empty for one seed.

    >>> rows = [{"criterion": "random", "test_accuracy": a, **dict.fromkeys(MEANS, 1)} for a in (90.0, 92.0)]
    >>> [(line["criterion"], line["test_accuracy_mean"], round(line["test_accuracy_std"], 3)) for line in aggregate(rows)]
    [('random', 91.0, 1.414)]
    """
    lines = []
    for criterion in dict.fromkeys(row["criterion"] for row in rows):
        mine = [row for row in rows if row["criterion"] == criterion]
        accuracies = [float(row["test_accuracy"]) for row in mine]
        lines.append(
            {
                "criterion": criterion,
                "seeds": len(mine),
                "test_accuracy_mean": statistics.mean(accuracies),
                "test_accuracy_std": statistics.stdev(accuracies) if len(mine) > 1 else "",
                **{
                    f"{name}_mean": statistics.mean(float(row[name]) for row in mine)
                    for name in (*TABLE, *MEANS)
                    if name in mine[0]
                },
            }
        )
    return sorted(lines, key=lambda line: -line["test_accuracy_mean"])


def render(lines: Sequence[Mapping[str, object]]) -> str:
    """The lines as a table for the terminal."""
    known = [name for name in TABLE if any(f"{name}_mean" in line for line in lines)]
    looked_up = [name.replace("table_", "nb201 ") for name in known]
    work = ("evaluations", "saved", "search s", "select s", "retrain s")
    head = ("criterion", "test accuracy", "seeds", *looked_up, "parameters", "skips", "added", *work)
    body = []
    for line in lines:
        spread = f" ± {line['test_accuracy_std']:.2f}" if line["test_accuracy_std"] != "" else ""
        seconds = [f"{line[f'{stage}_seconds_mean']:.1f}" for stage in ("search", "select", "retrain")]
        skips = [f"{line[f'{name}_mean']:.1f}" for name in ("skips", "added_skips")]
        table = [f"{line[f'{name}_mean']:.2f}" for name in known]
        size = (
            *table,
            f"{line['parameters_mean']:,.0f}",
            *skips,
            *(f"{line[f'{name}_mean']:,.0f}" for name in ("evaluations", "saved")),
        )
        body.append(
            (line["criterion"], f"{line['test_accuracy_mean']:.2f}{spread}", str(line["seeds"]), *size, *seconds)
        )
    widths = [max(map(len, column)) for column in zip(head, *body)]
    aligned = [
        [cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))]
        for row in (head, *body)
    ]
    aligned.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(row).rstrip() for row in aligned)
