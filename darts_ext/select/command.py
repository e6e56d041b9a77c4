"""The command `select`."""

from pathlib import Path

from ..config import CriterionSettings, DataSettings, RunSettings, SearchSettings, StrategySettings
from ..data import Images
from ..runtime.device import prepare_device
from ..runtime.errors import UsageError
from ..runtime.folder import read_args
from ..runtime.lock import folders_held, hold_folder
from ..runtime.news import say
from ..runtime.settings import check_ranges, pick
from ..runtime.streams import show
from ..tabular import describe_known
from .on_run import select_on_run
from .selector import read_selectors


@folders_held()
def run_select(folder: Path, run: RunSettings, criterion: CriterionSettings, settings: StrategySettings) -> Path:
    """Chooses an architecture on the supernet of a run; writes scores.json and genotype.json into its folder."""
    args = read_args(folder)
    if run.out:
        raise UsageError(f"select writes into the run that it chooses on, {folder}: leave --out {run.out} out")
    name = criterion.criterion.replace(" ", "")
    (selector,) = read_selectors([name], settings, criterion.strategy)
    if selector.supernet:
        raise UsageError(f"a run has one supernet, and {selector.name} names another: leave {selector.supernet}/ out")
    check_ranges(run)
    hold_folder(folder, "select")
    device = prepare_device(run)
    seed = args.get("seed", 0)
    images = Images(pick(DataSettings, args), device, seed)
    scores, genotype = select_on_run(folder, folder, images, pick(SearchSettings, args), selector, run.seed or seed)
    say(
        f"{selector.name}, {selector.strategy}: {scores['evaluations']:.6g} evaluations, {scores['saved']:.6g} saved, "
        f"in {scores['seconds']:.1f} s{describe_known(genotype)}"
    )
    for note in scores["notes"]:
        say(f"note: {note}")
    show(genotype.to_text())
    return folder
