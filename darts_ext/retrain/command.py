"""The command `retrain`."""

from dataclasses import dataclass
from pathlib import Path

from supernet import Genotype

from ..config import DataSettings, RetrainSettings, RunSettings, SearchSettings
from ..data import Images
from ..runtime.device import prepare_device
from ..runtime.errors import UsageError
from ..runtime.files import write_whole
from ..runtime.folder import begin_run, check_folder, claim_folder, read_args, write_settings
from ..runtime.genotypes import digest, read_genotype
from ..runtime.lock import folders_held, hold_folder
from ..runtime.settings import check_ranges, flatten, pick
from ..runtime.streams import show
from ..search import read_space
from .children import build_retraining, train_child


@folders_held()
def run_retrain(target: Path, run: RunSettings, data: DataSettings, settings: RetrainSettings) -> Path:
    """Trains the network of a genotype from scratch.

    Args:
        target: a run, whose genotype.json is trained on the run's data; or a genotype file, which is trained on `data`.
    """
    source = _read_target(target, data)
    check_ranges(run, source.data, settings)
    device = prepare_device(run)
    args = {"genotype": source.genotype.to_text(), **flatten(run, source.data, settings)}
    folder = Path(run.out) if run.out else source.folder
    is_own_folder = folder != target
    if is_own_folder:
        claim_folder(folder, "retrain", args)
    else:
        hold_folder(folder, "retrain")
    check_folder(folder / "evaluate", "retrain", args)
    images = Images(source.data, device, run.seed)
    retraining = build_retraining(source.genotype, images, settings)
    if is_own_folder:
        begin_run(folder, "retrain", args)
        write_whole(folder / "genotype.json", source.genotype.to_json())
    write_settings(folder / "evaluate", "retrain", args)
    _print_results(folder, train_child(folder / "evaluate", retraining, images))
    return folder


@dataclass(frozen=True)
class _Target:
    """What is trained, on what, and by default where."""

    genotype: Genotype
    data: DataSettings
    folder: Path


def _read_target(target: Path, data: DataSettings) -> _Target:
    if target.is_file():
        genotype = read_genotype(target)
        return _Target(genotype, data, Path(f"runs/retrain-{digest(genotype)}"))
    if not target.is_dir():
        raise UsageError(f"{target} is neither a run nor a genotype file")
    args = read_args(target)
    path = target / "genotype.json"
    if not path.exists():
        raise UsageError(f"{target} has no genotype {_suggest_genotype(target)}")
    genotype = read_genotype(path)
    if "space" in args:
        read_space(pick(SearchSettings, args)).check(genotype)
    return _Target(genotype, pick(DataSettings, args), target)


def _suggest_genotype(target: Path) -> str:
    inside = sorted(target.glob("seed*/*/genotype.json"))
    if inside:
        return f"of its own: give one of those inside, as {inside[0]}"
    return f"yet: `select {target}` makes one"


def _print_results(folder: Path, row: dict) -> None:
    for pruned in row["pruned"][1:]:
        share, accuracy = pruned["pruned"], pruned["test_accuracy"]
        show(f"without {share:.0%} of the nodes, those of smallest scale: {accuracy:.2f} %")
    weights = folder / "evaluate" / "model.safetensors"
    show(f"test accuracy {row['test_accuracy']:.2f} %, {row['parameters']:,} parameters, weights in {weights}")
