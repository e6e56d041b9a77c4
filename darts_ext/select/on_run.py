"""A selection on the supernet of a run, written into a folder."""

import hashlib
import json
from pathlib import Path

from selection import Decisions
from supernet import Genotype, GenotypeError, Supernet, find_decisions

from ..config import SearchSettings
from ..data import Images, Split
from ..runtime.errors import UsageError
from ..runtime.files import to_json, write_whole
from ..runtime.genotypes import read_genotype
from ..runtime.news import say
from ..search import PATHS, build_tuning, load_supernet
from .candidates import read_build
from .choosing import ResampledBatches, choose
from .second import read_second_judge
from .selector import Selector, is_file_of_start


def select_on_run(
    run: Path, out: Path, images: Images, settings: SearchSettings, selector: Selector, seed: int
) -> tuple[dict, Genotype]:
    """Chooses on the supernet of `run`, and writes scores.json and genotype.json into `out`.

    A comparison's choice that is there already is taken as it is.
    """
    scores_file, genotype_file = out / "scores.json", out / "genotype.json"
    if out != run and (earlier := _read_choice(scores_file, genotype_file)):
        return earlier
    net, val = load_supernet(run, images, settings)
    checkpoint = (run / "search" / "last.pt").read_bytes()
    selection = choose(
        net,
        selector,
        selection_batches(images, val, settings, selector),
        seed=seed,
        checkpoint=out / "select" / "last.pt",
        identity={
            "entry": selector.to_dict(),
            "supernet": hashlib.sha256(checkpoint).hexdigest(),
            "seed": seed,
        },
        tuning=_read_tuning(net, images, settings, selector),
        memory=out / "select" / "measured.jsonl",
        options={
            "build": read_build(net.space, images, settings, selector, "candidate_weights"),
            "then_build": read_build(net.space, images, settings, selector, "then_weights"),
            "start": _read_start(net, selector),
            "then": read_second_judge(net.space, run, images, settings, selector),
        },
    )
    if selector.measures_mixture and settings.relaxation not in PATHS:
        selection.notes.append(
            "whole architectures were measured with the weights of a mixture, which were not trained for them: search "
            "with --relaxation single_path, or give --candidate_weights initial with a training-free measure"
        )
    genotype = net.genotype(selection.decisions, selection.inputs)
    scores = {
        "entry": selector.name,
        "measure": selector.measure,
        **selection.to_dict(),
        "settings": selector.settings,
    }
    write_whole(scores_file, to_json(scores))
    write_whole(genotype_file, genotype.to_json())
    return scores, genotype


def try_candidates(net: Supernet, images: Images, settings: SearchSettings, selector: Selector) -> None:
    """Raises UsageError where the candidates of a strategy, or those who judge them again, cannot be of this space."""
    for name in ("candidate_weights", "then_weights"):
        read_build(net.space, images, settings, selector, name)
    read_second_judge(net.space, Path(), images, settings, selector)


def _read_choice(scores_file: Path, genotype_file: Path) -> tuple[dict, Genotype] | None:
    """Returns what is there; None where a file is not, or holds something else, as after a power cut."""
    if not (scores_file.exists() and genotype_file.exists()):
        return None
    try:
        return json.loads(scores_file.read_text(encoding="utf-8")), read_genotype(genotype_file)
    except (ValueError, UsageError, GenotypeError):
        say(f"{scores_file.parent} holds no whole choice: chosen anew")
        return None


def selection_batches(
    images: Images, val: Split, settings: SearchSettings, selector: Selector
) -> list | ResampledBatches:
    """Returns what a criterion sees of the validation half."""
    limit = selector.settings["select_images"]
    if limit is not None:
        val = val.subset(range(min(limit, len(val))))
    if selector.settings["protocol"] == "darts-pt":
        return ResampledBatches(images.augmented(val, settings.batch_size, "select", whole=True))
    return list(images.clean(val, max(2, settings.batch_size)).epoch(0))


def _read_tuning(net: Supernet, images: Images, settings: SearchSettings, selector: Selector):
    epochs = selector.settings.get("tune_epochs")
    if not epochs:
        return None
    return build_tuning(net, images, settings, epochs=epochs, factor=selector.settings["tune_learning_rate_factor"])


def _read_start(net: Supernet, selector: Selector) -> Decisions | None:
    """Returns the architecture of the file at which a search begins, if that is asked."""
    start = selector.settings.get("start")
    if not is_file_of_start("start", start):
        return None
    genotype = read_genotype(Path(str(start)))
    try:
        options, inputs = find_decisions(net.space, genotype)
    except GenotypeError as error:
        raise UsageError(f"{start}: {error}") from None
    return Decisions(options, inputs)
