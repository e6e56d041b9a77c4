"""Criteria side by side: supernets from several seeds, every criterion on each, every choice retrained or looked up."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path

from selection import list_criteria
from supernet import Genotype

from .children import digest, retrain_stage, train_child
from .compare import aggregate, render
from .config import CompareSettings, DataSettings, RunSettings, SearchSettings, SelectionSettings
from .data import Images, halves
from .pipeline import (
    flat,
    load_supernet,
    pick,
    prepare,
    say,
    search_stage,
    select_on,
    selection_batches,
    short,
    train_supernet,
)
from .population import Population, read_measures, render_measures
from .report import write_report
from .runtime.errors import UsageError, unknown
from .runtime.files import write_csv, write_whole
from .runtime.folder import check_folder, pick_device, read_args, write_settings
from .search import Search
from .select import Entry, read_entries, try_out
from .tabular import NasBench201, in_table

JUDGES = ("retrain", "table")
FREE = ("seeds", "criteria")  # more can be asked of a folder later


def run_compare(
    run: RunSettings, data: DataSettings, search: SearchSettings, compare: CompareSettings, how: SelectionSettings
) -> Path:
    """For each seed its supernets, every criterion on the one that it names, every different genotype judged once; a
    table and a report."""
    names = [name for name in compare.criteria.replace(" ", "").split(",") if name]
    if not names:
        raise UsageError(f"no criterion is given: choose from {', '.join(list_criteria())}")
    entries = read_entries(names, how)
    if compare.run:
        run, data, search, compare = _of_run(run, data, search, compare)
    if compare.judge not in JUDGES:
        raise unknown("judge", compare.judge, JUDGES)
    settings = {**flat(run, data, search, how), **asdict(compare)}
    folder = check_folder(
        Path(run.out or f"runs/compare-{Path(compare.run).name or f'{search.space}-{short(data.data)}'}"),
        "compare",
        settings,
        FREE,
    )
    entries = _with_earlier(folder, entries, how, range(run.seed, run.seed + compare.seeds))
    settings["criteria"] = ",".join(entry.name for entry in entries)
    searches = read_searches(search, compare.supernets, entries)
    device = prepare(run, data, *searches.values(), compare, compare.retrain, how)
    read_measures(compare.measures)
    rows, loaded = [], Images(data, device, run.seed)
    for seed in range(run.seed, run.seed + compare.seeds):
        images = loaded.with_seed(seed)
        stages = {name: search_stage(images, own) for name, own in searches.items()}
        if seed == run.seed:
            _try(folder, images, stages, entries, search, compare)
        write_settings(folder, "compare", settings)
        for name, own in searches.items():
            place = _place(folder, seed, name)
            write_settings(place, "search", {**flat(run, data, own), "out": str(place), "seed": seed})
            if compare.run:
                _copy_search(Path(compare.run), place)
            searched = train_supernet(place, stages[name])
            for entry in (one for one in entries if one.supernet == name):
                selection, genotype = select_on(place, place / entry.folder, images, own, entry, seed)
                judged = _judged(folder, genotype, images, compare)
                rows.append(_row(entry, seed, genotype, selection, judged, searched))
                say(
                    f"seed {seed}, {entry.name}: {judged['test_accuracy']:.2f} % with {judged['parameters']:,} "
                    f"parameters: {genotype.to_text()}"
                )
                write_csv(folder / "summary.csv", rows)
                write_csv(folder / "comparison.csv", aggregate(rows))
    judged = Population(folder, loaded.with_seed(run.seed), search, compare).judge(say)
    page = write_report(folder)
    print(render(aggregate(rows)))
    if judged:
        print(render_measures(judged))
    print(f"report: {page}")
    return folder


def _with_earlier(folder: Path, entries: list[Entry], how: SelectionSettings, seeds: range) -> list[Entry]:
    """The entries, after those that this folder was asked before and that have chosen for all these seeds."""
    earlier = read_args(folder)["criteria"].split(",") if (folder / "args.yaml").exists() else []
    names = [entry.name for entry in entries]
    before = [entry for entry in read_entries([*earlier, *names], how) if entry.name not in names]
    done = [
        entry
        for entry in before
        if all((_place(folder, seed, entry.supernet) / entry.folder / "genotype.json").exists() for seed in seeds)
    ]
    return [*done, *entries]


def _of_run(
    run: RunSettings, data: DataSettings, search: SearchSettings, compare: CompareSettings
) -> tuple[RunSettings, DataSettings, SearchSettings, CompareSettings]:
    """The settings of a comparison on the supernet of a run: its data, search and seed are the run's."""
    if compare.supernets:
        raise UsageError(f"{compare.run} has one supernet, and supernets names others: leave --supernets or --run out")
    if compare.seeds not in (1, CompareSettings.seeds):
        raise UsageError(f"{compare.run} has one supernet, of one seed: leave --seeds {compare.seeds} out")
    args = read_args(Path(compare.run))
    for part in (data, search):
        for field in fields(part):
            asked = getattr(part, field.name)
            if asked != field.default and asked != args.get(field.name, field.default):
                raise UsageError(
                    f"{field.name} comes with {compare.run}, where it is {args.get(field.name, field.default)}: leave "
                    f"{field.name} {asked} out"
                )
    run, data, search = replace(run, seed=args.get("seed", 0)), pick(DataSettings, args), pick(SearchSettings, args)
    load_supernet(
        Path(compare.run), Images(data, pick_device(run.device), run.seed), search
    )  # says so if it is not there, or not finished
    return run, data, search, replace(compare, seeds=1)


def _place(folder: Path, seed: int, supernet: str) -> Path:
    return folder / "-".join(filter(None, (f"seed{seed}", supernet)))


def _copy_search(source: Path, place: Path) -> None:
    for name in ("search/alphas.json", "summary.csv", "search/last.pt"):
        if (source / name).exists() and not (place / name).exists():
            write_whole(place / name, (source / name).read_bytes())


def read_searches(
    search: SearchSettings, others: Mapping[str, Mapping] | None, entries: list[Entry]
) -> dict[str, SearchSettings]:
    """{name: the settings of a supernet that entries name}; "" is the command's own.

    Raises:
        UsageError: an entry names one that is not there, one is named by none, or a setting that a search does not
            have.
    """
    known = {field.name: type(getattr(search, field.name)) for field in fields(search)}
    found = {"": search}
    for name, changes in (others or {}).items():
        if not name.isidentifier():
            raise UsageError(f"a supernet's name is made of letters, digits and _, not {name!r}")
        if not isinstance(changes, Mapping):
            raise UsageError(
                f"supernet {name} is given as what differs in its search, as {{alpha: fixed}}, not {changes!r}"
            )
        for key, value in changes.items():
            if key not in known:
                raise unknown(f"setting of supernet {name}", key, known)
            if getattr(search, key) is not None and not isinstance(
                value, (known[key], int) if known[key] is float else known[key]
            ):
                raise UsageError(f"supernet {name}: {key} takes a value of type {known[key].__name__}, not {value!r}")
        found[name] = replace(search, **changes)
    used = list(dict.fromkeys(entry.supernet for entry in entries))
    for name in used:
        if name not in found:
            raise (
                unknown("supernet", name, others)
                if others
                else UsageError(f"there is no supernet {name}: --supernets '{{\"{name}\": {{...}}}}' names one")
            )
    idle = [name for name in found if name and name not in used]
    if idle:
        raise UsageError(
            f"no criterion is asked of supernet {idle[0]}: name one, as {idle[0]}/perturbation, or leave it out"
        )
    return {name: found[name] for name in used}


def _try(
    folder: Path,
    images: Images,
    stages: Mapping[str, Search],
    entries: list[Entry],
    search: SearchSettings,
    compare: CompareSettings,
) -> None:
    """Whatever cannot be built, measured or met is said before anything is written."""
    for stage in stages.values():
        if compare.judge == "retrain":
            retrain_stage(stage.net.genotype(), images, compare.retrain)
        elif not in_table(stage.net.genotype()):
            raise UsageError(
                f"judge table looks cells up in NAS-Bench-201, and {stage.settings.space} has others: take space "
                f"nasbench201, or --judge retrain"
            )
    if not (folder / "summary.csv").exists():
        for stage in stages.values():
            stage.try_tracked()
        Population(folder, images, search, compare).try_measures()
    for entry in entries:
        if (_place(folder, images.seed, entry.supernet) / entry.folder / "scores.json").exists():
            continue
        stage = stages[entry.supernet]
        batches = selection_batches(
            images, halves(images.dataset, stage.settings.train_portion, images.seed)[1], stage.settings, entry
        )
        try_out(stage.net, entry, *(batches() if callable(batches) else batches)[0])


def _judged(folder: Path, genotype: Genotype, images: Images, compare: CompareSettings) -> dict[str, object]:
    """What a genotype reaches: trained from scratch, or by NAS-Bench-201."""
    known = in_table(genotype)
    if compare.judge == "table":
        table = NasBench201()
        size = int(table.parameters[table.index(genotype)])
        return {
            "test_accuracy": known["table_cifar10"],
            "test_loss": "",
            "parameters": size,
            "seconds": 0.0,
            "child": "",
            **known,
        }
    child = f"{digest(genotype)}-s{images.seed}"
    trained = train_child(
        folder / "children" / child / "evaluate", retrain_stage(genotype, images, compare.retrain), images
    )
    return {**trained, **known, "child": child}


def _row(
    entry: Entry, seed: int, genotype: Genotype, selection: Mapping, judged: Mapping, searched: float
) -> dict[str, object]:
    """A line of summary.csv."""
    return {
        "seed": seed,
        "criterion": entry.name,
        **{name: judged[name] for name in ("test_accuracy", "test_loss", "parameters")},
        "skips": genotype.skips,
        "added_skips": genotype.added_skips,
        "evaluations": selection["evaluations"],
        "saved": selection["saved"],
        "search_seconds": searched,
        "select_seconds": selection["seconds"],
        "retrain_seconds": judged["seconds"],
        **{name: value for name, value in judged.items() if name.startswith("table_")},
        "child": judged["child"],
        "genotype": genotype.to_text(),
    }
