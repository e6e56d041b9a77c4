"""The command `search`."""

from pathlib import Path

from ..config import DataSettings, RunSettings, SearchSettings
from ..data import Images
from ..runtime.device import prepare_device
from ..runtime.folder import begin_run, claim_folder
from ..runtime.lock import folders_held
from ..runtime.news import say
from ..runtime.settings import check_ranges, flatten, short_name
from ..tabular import describe_known
from .space import read_space
from .supernet import build_search, load_supernet, train_supernet


@folders_held()
def run_search(run: RunSettings, data: DataSettings, search: SearchSettings) -> Path:
    """Trains a supernet in `run.out`; resumes one that is there."""
    check_ranges(run, data, search)
    read_space(search)
    device = prepare_device(run)
    settings = flatten(run, data, search)
    out = Path(run.out or f"runs/search-{search.space}-{short_name(data.data)}")
    folder = claim_folder(out, "search", settings)
    images = Images(data, device, run.seed)
    stage = build_search(images, search)
    stage.try_tracked()
    begin_run(folder, "search", settings)
    train_supernet(folder, stage)
    net, _ = load_supernet(folder, images, search)
    genotype = net.genotype()
    say(f"genotype by alpha: {genotype.to_text()}{describe_known(genotype)}")
    return folder
