"""The command `compare`: supernets from several seeds, every criterion on each, every choice retrained or looked up."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from selection import list_criteria, split_names
from supernet import Genotype

from ..config import CompareSettings, DataSettings, RunSettings, SearchSettings, StrategySettings
from ..data import Images, halves
from ..retrain import build_retraining
from ..runtime.device import prepare_device
from ..runtime.errors import UsageError, unknown
from ..runtime.files import write_csv, write_whole
from ..runtime.folder import begin_run, claim_folder, read_args, write_settings
from ..runtime.lock import folders_held
from ..runtime.news import say
from ..runtime.settings import check_ranges, flatten, short_name
from ..runtime.streams import show
from ..search import Search, build_search, read_space, train_supernet
from ..select import Selector, read_selectors, select_on_run, selection_batches, try_candidates
from .judging import JUDGES, find_judging_table, judge_genotype
from .population import Population, read_population_measures, render_measures
from .settings import Comparison, adopt_run, ask_all_supernets, join_residual, read_searches
from .table import aggregate, render

FREE = ("seeds", "criteria", "processes")  # may change from one call to the next on the same folder


@folders_held()
def run_compare(
    run: RunSettings,
    data: DataSettings,
    search: SearchSettings,
    compare: CompareSettings,
    strategy: StrategySettings,
) -> Path:
    """Trains the supernets of every seed, lets every criterion choose on the one that it names, judges each different
    genotype once, and prints the table."""
    names = ask_all_supernets(split_names(compare.criteria), compare.supernets)
    if not names:
        raise UsageError(f"no criterion is given: choose from {', '.join(list_criteria())}")
    comparison = Comparison(run, data, search, compare)
    if compare.run:
        comparison = adopt_run(comparison)
    selectors = read_selectors(join_residual(names, comparison.search), strategy)
    if compare.judge not in JUDGES:
        raise unknown("judge", compare.judge, JUDGES)
    if compare.task and compare.judge != "table":
        raise UsageError(f"task {compare.task} is of judge table, and the judge is {compare.judge}: leave it out")
    work = _Work(comparison, strategy, selectors)
    rows = work.judge_all_seeds()
    measures = work.judge_population()
    show(render(aggregate(rows)))
    if measures:
        show(render_measures(measures))
    return work.folder


class _Work:
    """A comparison under way: its folder, its supernets, and the rows of its table."""

    def __init__(self, comparison: Comparison, strategy: StrategySettings, selectors: list[Selector]):
        self.comparison = comparison
        run, search, compare = comparison.run, comparison.search, comparison.compare
        settings = {**flatten(run, comparison.data, search, strategy), **asdict(compare)}
        self.folder = claim_folder(_choose_folder(comparison), "compare", settings, FREE)
        self.selectors = self._with_earlier(selectors, strategy)
        self.settings = settings | {"criteria": ",".join(selector.name for selector in self.selectors)}
        self.searches = read_searches(search, compare.supernets, self.selectors)
        check_ranges(run, comparison.data, *self.searches.values(), compare, compare.retrain)
        for own_search in self.searches.values():
            read_space(own_search)
        device = prepare_device(run)
        read_population_measures(compare.measures)
        self.images = Images(comparison.data, device, run.seed)
        self.rows: list[dict] = []

    def judge_all_seeds(self) -> list[dict]:
        """Returns the rows of the table: one for every seed and criterion."""
        for seed in self.comparison.seeds:
            images = self.images.with_seed(seed)
            searches = {name: build_search(images, settings) for name, settings in self.searches.items()}
            if seed == self.comparison.run.seed:
                self._try_everything(images, searches)
            begin_run(self.folder, "compare", self.settings, FREE)
            for name, search in searches.items():
                self._judge_supernet(name, search, images)
        return self.rows

    def judge_population(self) -> list[dict]:
        """Returns how well measures order random architectures; nothing where none are asked."""
        images = self.images.with_seed(self.comparison.run.seed)
        return Population(self.folder, images, self.comparison.search, self.comparison.compare).train_and_rank()

    def _judge_supernet(self, name: str, search: Search, images: Images) -> None:
        """Trains a supernet, and judges what each of its criteria chooses."""
        seed, settings = images.seed, self.searches[name]
        place = _supernet_folder(self.folder, seed, name)
        args = flatten(self.comparison.run, self.comparison.data, settings)
        write_settings(place, "search", {**args, "out": str(place), "seed": seed})
        if self.comparison.compare.run:
            _copy_search(Path(self.comparison.compare.run), place)
        search_seconds = train_supernet(place, search)
        for selector in self.selectors:
            if selector.supernet != name:
                continue
            scores, genotype = select_on_run(place, place / selector.folder, images, settings, selector, seed)
            outcome = judge_genotype(self.folder, genotype, images, self.comparison.compare)
            self.rows.append(_make_row(selector, seed, genotype, scores, outcome, search_seconds))
            say(
                f"seed {seed}, {selector.name}: {outcome['test_accuracy']:.2f} % with {outcome['parameters']:,} "
                f"parameters: {genotype.to_text()}"
            )
            write_csv(self.folder / "summary.csv", self.rows)
            write_csv(self.folder / "comparison.csv", aggregate(self.rows))

    def _with_earlier(self, selectors: list[Selector], strategy: StrategySettings) -> list[Selector]:
        """Returns the criteria, after those that this folder was asked before and that have chosen for all seeds."""
        if not (self.folder / "args.yaml").exists():
            return selectors
        names = [selector.name for selector in selectors]
        earlier = split_names(read_args(self.folder)["criteria"])
        finished = []
        for selector in read_selectors([*earlier, *names], strategy):
            if selector.name not in names and self._has_chosen(selector):
                finished.append(selector)
        return [*finished, *selectors]

    def _has_chosen(self, selector: Selector) -> bool:
        """Whether a criterion has chosen for all seeds."""
        for seed in self.comparison.seeds:
            place = _supernet_folder(self.folder, seed, selector.supernet)
            if not (place / selector.folder / "genotype.json").exists():
                return False
        return True

    def _try_everything(self, images: Images, searches: Mapping[str, Search]) -> None:
        """Raises for whatever cannot be built, measured or met, before anything is written."""
        compare = self.comparison.compare
        for search in searches.values():
            _try_judge(search, images, compare)
        if not (self.folder / "summary.csv").exists():
            for search in searches.values():
                search.try_tracked()
            Population(self.folder, images, self.comparison.search, compare).try_measures()
        for selector in self.selectors:
            place = _supernet_folder(self.folder, images.seed, selector.supernet)
            if (place / selector.folder / "scores.json").exists():
                continue
            search = searches[selector.supernet]
            _, val = halves(images.dataset, search.settings.train_portion, images.seed)
            batches = selection_batches(images, val, search.settings, selector)
            if callable(batches):
                batches = batches()
            x, y = batches[0]
            selector.plan.check(search.net, x, y)
            try_candidates(search.net, images, search.settings, selector)


def _choose_folder(comparison: Comparison) -> Path:
    if comparison.run.out:
        return Path(comparison.run.out)
    if comparison.compare.run:
        return Path(f"runs/compare-{Path(comparison.compare.run).name}")
    return Path(f"runs/compare-{comparison.search.space}-{short_name(comparison.data.data)}")


def _supernet_folder(folder: Path, seed: int, supernet: str) -> Path:
    if not supernet:
        return folder / f"seed{seed}"
    return folder / f"seed{seed}-{supernet}"


def _copy_search(source: Path, place: Path) -> None:
    for name in ("search/alphas.json", "summary.csv", "search/last.pt"):
        if (source / name).exists() and not (place / name).exists():
            write_whole(place / name, (source / name).read_bytes())


def _try_judge(search: Search, images: Images, compare: CompareSettings) -> None:
    """Raises for an architecture of the supernet that cannot be judged."""
    genotype = search.net.genotype()
    if compare.judge == "retrain":
        build_retraining(genotype, images, compare.retrain)
    else:
        find_judging_table(genotype, compare.task)


def _make_row(
    selector: Selector, seed: int, genotype: Genotype, scores: Mapping, outcome: Mapping, search_seconds: float
) -> dict[str, object]:
    """Returns a line of summary.csv."""
    table = {name: value for name, value in outcome.items() if name.startswith("table_")}
    return {
        "seed": seed,
        "criterion": selector.name,
        "test_accuracy": outcome["test_accuracy"],
        "test_loss": outcome["test_loss"],
        "parameters": outcome["parameters"],
        "skips": genotype.skips,
        "added_skips": genotype.added_skips,
        "evaluations": scores["evaluations"],
        "saved": scores["saved"],
        "search_seconds": search_seconds,
        "select_seconds": scores["seconds"],
        "retrain_seconds": outcome["seconds"],
        **table,
        "child": outcome["child"],
        "genotype": genotype.to_text(),
    }
