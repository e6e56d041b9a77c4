"""What a chosen genotype reaches: trained from scratch, or looked up in a tabular benchmark."""

from pathlib import Path

from supernet import Genotype

from ..config import CompareSettings
from ..data import Images
from ..retrain import build_retraining, train_child
from ..runtime.errors import UsageError, unknown
from ..runtime.genotypes import digest
from ..tabular import TABLES, Table, find_table, in_table

JUDGES = ("retrain", "table")


def judge_genotype(folder: Path, genotype: Genotype, images: Images, compare: CompareSettings) -> dict[str, object]:
    """Returns the test accuracy of a genotype, its parameters and seconds; each different genotype is trained once."""
    known = in_table(genotype)
    if compare.judge == "table":
        table = find_judging_table(genotype, compare.task)
        return {
            "test_accuracy": known[f"table_{compare.task or table.datasets[0]}"],
            "test_loss": "",
            "parameters": int(table.parameters[table.index(genotype)]),
            "seconds": 0.0,
            "child": "",
            **known,
        }
    trained = train_genotype(folder, genotype, images, compare)
    return {**trained, **known, "child": child_name(genotype, images.seed)}


def find_judging_table(genotype: Genotype, task: str) -> Table:
    """Returns the table in which a genotype is.

    Raises:
        UsageError: there is none, or it does not have the task.
    """
    table = find_table(genotype)
    if table is None:
        raise UsageError(
            f"judge table looks cells up in a benchmark, and those of this space are in none: take space "
            f"{' or '.join(TABLES)} without activations and added skips, or --judge retrain"
        )
    if task and task not in table.datasets:
        raise unknown(f"task of {table.name}", task, table.datasets)
    return table


def train_genotype(folder: Path, genotype: Genotype, images: Images, compare: CompareSettings) -> dict:
    """Trains a genotype from scratch in its folder under `children`; what is finished there is not trained again."""
    retraining = build_retraining(genotype, images, compare.retrain)
    place = folder / "children" / child_name(genotype, images.seed)
    return train_child(place / "evaluate", retraining, images)


def child_name(genotype: Genotype, seed: int) -> str:
    """Returns the name of a retrained network's folder."""
    return f"{digest(genotype)}-s{seed}"
