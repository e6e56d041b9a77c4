"""Any other network: the choices are given, or found by search."""

import json
from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any

from torch import Tensor, nn

from ..errors import SelectionError
from .adapter import Adapter, Decided, HostChoice, KeptInputs
from .generic_checks import check_excluded, check_logits, check_mapping, check_nodes
from .rule import complete_inputs, complete_options
from .search import find_choices

GivenMapping = Mapping[str, Mapping[str, list[nn.Module]]]
GivenLogits = Mapping[str, Tensor] | Callable[[nn.Module], Mapping[str, Tensor]]
Output = int | str | Callable[[Any], Tensor]
GivenNodes = Mapping[str, tuple[int, list[str]]]


class Generic(Adapter):
    """A network whose choices are given, or mixed operations that are found by search: modules that hold a list of
    candidates, and their alphas.

    Args:
        mapping: {choice: {option: [modules]}}; where None, what `search.find_choices` finds.
        logits: {choice: alpha [options]}, tensors that share memory with the network's own; or a function of the
            network that returns them, which also holds where tensors are replaced, as by `.to`.
        inputs: {node: (edges it keeps, [choices])}; {} where all stay.
        excluded: options that are mixed but never chosen.
        output: which part of the network's output is the logits, where it returns a tuple or a dict: its index or key,
            or a function that makes them of the whole.
        weighting: see `Adapter`.
    """

    def __init__(
        self,
        host: nn.Module,
        *,
        mapping: GivenMapping | None = None,
        logits: GivenLogits | None = None,
        inputs: GivenNodes | None = None,
        excluded: Iterable[str] = (),
        output: Output | None = None,
        weighting: str | None = None,
    ) -> None:
        if (mapping is None) != (logits is None):
            raise SelectionError(
                "mapping={choice: {option: [modules]}} and logits={choice: alpha [options]} are given together"
            )
        if mapping is not None:
            check_mapping(host, mapping)
        if inputs is not None:
            check_nodes(inputs)
        if mapping is None:
            host_choices = find_choices(host)
        else:
            host_choices = {name: HostChoice(dict(options), owner=None) for name, options in mapping.items()}
        super().__init__(host, host_choices, weighting=weighting)
        self.given_logits = logits
        self.nodes = dict(inputs or {})
        self.never_chosen = check_excluded(excluded, self.choices())
        self.output = output
        if logits is not None:
            check_logits(logits(host) if callable(logits) else logits)

    def forward(self, x: Tensor) -> Tensor:
        """Maps inputs [B, ...] to logits [B, classes]."""
        returned = self.host(x)
        if callable(self.output):
            return self.output(returned)
        return returned if self.output is None else _pick_part(returned, self.output)

    def logits(self) -> dict[str, Tensor]:
        """Returns {choice: alpha [options]}, as given or found."""
        if self.given_logits is None:
            return super().logits()
        if callable(self.given_logits):
            return dict(self.given_logits(self.host))
        return dict(self.given_logits)

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """Returns the nodes, as given."""
        return dict(self.nodes)

    def genotype(self, decisions: Decided = None, inputs: KeptInputs = None) -> dict[str, str]:
        """Returns {choice: option} of what stays; arguments as in `Adapter.genotype`."""
        options = complete_options(self, decisions or {})
        staying = complete_inputs(self, options, inputs or {})
        dropped = set()
        for node, (_, names) in self.nodes.items():
            dropped |= set(names) - set(staying[node])
        return {name: option for name, option in options.items() if name not in dropped}

    def to_json(self, decisions: Decided = None, inputs: KeptInputs = None) -> str:
        """Returns JSON, {"format": "generic", "decisions": {choice: option}}: what the options make of a cell is not
        known."""
        return json.dumps({"format": "generic", "decisions": self.genotype(decisions, inputs)})


def _pick_part(returned: Any, output: int | str) -> Tensor:
    """Returns that part of what a network returns."""
    if isinstance(returned, Tensor):
        raise SelectionError(f"the network returns one tensor, which has no part output={output!r}: leave output out")
    try:
        return returned[output]
    except (LookupError, TypeError):
        raise SelectionError(
            f"the network returns a {type(returned).__name__} with {_describe_parts(returned)}, and output={output!r} "
            f"is none of them"
        ) from None


def _describe_parts(returned: object) -> str:
    if isinstance(returned, Mapping):
        return f"the keys {', '.join(map(str, returned))}"
    if isinstance(returned, Sized):
        return f"{len(returned)} parts"
    return "no parts"
