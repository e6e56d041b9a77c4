"""What a chosen genotype reaches: trained from scratch, or looked up in NAS-Bench-201."""

from pathlib import Path

from supernet import Genotype

from ..config import CompareSettings
from ..data import Images
from ..retrain import build_retraining, train_child
from ..runtime.genotypes import digest
from ..tabular import NasBench201, in_table

JUDGES = ("retrain", "table")


def judge_genotype(folder: Path, genotype: Genotype, images: Images, compare: CompareSettings) -> dict[str, object]:
    """Returns the test accuracy of a genotype, its parameters and seconds; each different genotype is trained once."""
    known = in_table(genotype)
    if compare.judge == "table":
        table = NasBench201()
        return {
            "test_accuracy": known["table_cifar10"],
            "test_loss": "",
            "parameters": int(table.parameters[table.index(genotype)]),
            "seconds": 0.0,
            "child": "",
            **known,
        }
    trained = train_genotype(folder, genotype, images, compare)
    return {**trained, **known, "child": child_name(genotype, images.seed)}


def train_genotype(folder: Path, genotype: Genotype, images: Images, compare: CompareSettings) -> dict:
    """Trains a genotype from scratch in its folder under `children`; what is finished there is not trained again."""
    retraining = build_retraining(genotype, images, compare.retrain)
    place = folder / "children" / child_name(genotype, images.seed)
    return train_child(place / "evaluate", retraining, images)


def child_name(genotype: Genotype, seed: int) -> str:
    """Returns the name of a retrained network's folder."""
    return f"{digest(genotype)}-s{seed}"
