"""What other criteria than alpha would choose while a supernet trains."""

from collections.abc import Callable
from itertools import islice

from torch import Tensor, nn

from selection import select
from selection.registry import find_criterion
from supernet import Genotype

from ..data import Batches

BATCH = 64
Judge = Callable[[Genotype], dict[str, float]]


def read_tracked(names: str) -> list[str]:
    """The criteria of a list separated by commas; raises SelectionError for an unknown one."""
    found = [name.strip() for name in names.split(",") if name.strip()]
    for name in found:
        find_criterion(name)
    return found


def first_batches(clean: Batches, images: int) -> list[tuple[Tensor, Tensor]]:
    """The first images, in whole batches of 64."""
    pieces = (pair for x, y in clean.epoch(0) for pair in zip(x.split(BATCH), y.split(BATCH)))
    return list(islice(pieces, -(-images // BATCH)))


def picks(net: nn.Module, criteria: list[str], batches: list[tuple[Tensor, Tensor]], seed: int, judge: Judge | None) -> dict[str, object]:
    """{"pick:CRITERION": its genotype as text, and what `judge` knows of it}: every option scored once on the network as it is."""
    row: dict[str, object] = {}
    for criterion in criteria:
        made = select(net, criterion, "oneshot", batches=batches, seed=seed)
        genotype = net.genotype(made.decisions, made.inputs)
        row[f"pick:{criterion}"] = genotype.to_text()
        row |= {f"{name}:{criterion}": value for name, value in (judge(genotype) if judge else {}).items()}
    return row
