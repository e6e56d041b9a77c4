"""Who judges a shortlist again, besides criteria: brief training, or a table of benchmarks."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from supernet import MLPSpace, Space

from ..config import SearchSettings
from ..data import Images, halves
from ..runtime.errors import UsageError
from ..runtime.processes import Spread
from ..tabular import TABLES, find_brief_accuracy
from .brief import BriefTraining, Recipe, name_folder
from .candidates import read_network_build
from .selector import Selector


def read_second_judge(
    space: Space | MLPSpace, run: Path, images: Images, settings: SearchSettings, selector: Selector
) -> BriefTraining | Callable | None:
    """Returns what judges a shortlist, if that is no criterion."""
    name = selector.plan.options.get("then")
    if name == "training":
        return _read_training(space, run, images, settings, selector.settings)
    if name == "table":
        return _read_table(space)
    return None


def _read_training(
    space: Space | MLPSpace, run: Path, images: Images, settings: SearchSettings, chosen: dict[str, Any]
) -> BriefTraining:
    """Returns brief training on the half of the weights, judged on the half of the alphas."""
    train, val = halves(images.dataset, settings.train_portion, images.seed)
    if chosen["brief_images"]:
        train = train.subset(range(min(chosen["brief_images"], len(train))))
    recipe = Recipe(
        build=read_network_build(space, images, settings, "default"),
        train=images.augmented(train, settings.batch_size, "brief"),
        val=images.clean(val),
        epochs=chosen["brief_epochs"],
        seed=images.seed,
    )
    alike = {
        "data": asdict(images.settings),
        "seed": images.seed,
        "epochs": recipe.epochs,
        "images": len(train),
        "sizes": recipe.build.sizes,
        "batch_size": settings.batch_size,
        "train_portion": settings.train_portion,
    }
    return BriefTraining(space, recipe, chosen["brief_rounds"], name_folder(run, alike), Spread(chosen["processes"]))


def _read_table(space: Space | MLPSpace) -> Callable[[dict, dict], float]:
    """Returns the benchmark's validation accuracy after 12 epochs, as a judge.

    Raises:
        UsageError: the architectures of the space are in no table.
    """
    has_operations_alone = all(choice.endswith("/op") for choice in space.choices())
    table = TABLES.get(space.macro)
    if table is None or table.brief_validation is None or not has_operations_alone:
        raise UsageError(f"then table looks cells up in NAS-Bench-201, and {space.name} has others: take training")

    def look_up(options: dict[str, str], inputs: dict[str, list[str]]) -> float:
        genotype = space.genotype(options, inputs)
        accuracy = find_brief_accuracy(genotype)
        if accuracy is None:
            raise UsageError(f"{genotype.to_text()} is not a cell of NAS-Bench-201: judge by training instead")
        return accuracy

    return look_up
