"""The empirical neural tangent kernel K_ij = <J_i, J_j> of any network."""

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..preserve import draw_from, preserved
from .blocks import Take, assemble
from .capture import Capture
from .logits import logits_of, numbers
from .persample import PerSample, gradient_rows
from .state import alphas, called, converted
from .statistics import batch_norms, frozen_statistics

Cotangents = Callable[[Tensor, slice], list[Tensor]]


def ntk(
    model: nn.Module,
    x: Tensor,
    x2: Tensor | None = None,
    *,
    outputs: str | int = "sum",
    parameters: str | Callable[[str, nn.Parameter], bool] = "all",
    batchnorm: str = "frozen",
    dtype: torch.dtype | str = torch.float64,
    block: int | None = None,
    seed: int = 0,
) -> Tensor:
    """The neural tangent kernel on a batch (Jacot et al. 2018), exact, layer by layer, for about one forward and
    backward pass.

    Args:
        x: inputs [B, ...]. x2: a second batch [B2, ...] for a cross kernel.
        outputs: "sum" of the logits (TE-NAS, Chen et al. 2021), "trace" over the logits (one backward pass each), or an
            int: the mean over so many random projections, which estimates the trace.
        parameters: "all", "weight" (names that contain "weight", as TE-NAS), or a predicate(name, parameter). A
            supernet's alphas never count.
        batchnorm: "frozen" (x's statistics, taken as constants), "running" (running statistics, as in eval mode), or
            "coupled" (training mode: a sample's logits depend on the others; one backward pass a sample).
        dtype: of the whole computation, or its name; float64, because the smallest eigenvalue is lost in float32.
        block: inputs a side of the blocks that the same kernel is put together from, so that memory is that of two; n
            blocks take about n/2 times as long. With "frozen" a pass without gradients takes the statistics of the
            whole x first. None is all inputs at once.
        seed: of the random projections, and of what the network draws itself: one with noise, as the option of space
            S4, has one kernel for each draw (and, as a draw is of a number of inputs, for each `block`).

    Returns:
        [B, B] or [B, B2], not divided by the number of outputs; the model's mode, buffers and gradients, x and torch's
        random state are left as they were. Parameters for which there is no formula (see `numerics.layers`), or whose
        layer does not keep a row for each sample, are taken by per-sample gradients, with a warning that names them.

    Raises:
        SelectionError: fewer than two inputs, an unknown setting, an output that is not logits [B, K], or logits or
            gradients that are not finite.

    >>> x = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    >>> ntk(nn.Linear(2, 1, bias=False), x)
    tensor([[1., 1.],
            [1., 2.]], dtype=torch.float64)
    """
    if outputs not in ("sum", "trace") and not _is_count(outputs):
        raise SelectionError(f"outputs is 'sum', 'trace' or a number of random projections, not {outputs!r}")

    def cotangents(logits: Tensor, _: slice) -> list[Tensor]:
        if outputs == "sum":
            return [torch.ones_like(logits)]
        if outputs == "trace":
            return [
                torch.zeros_like(logits).index_fill(1, torch.tensor([k], device=logits.device), 1.0)
                for k in range(logits.shape[1])
            ]
        signs = torch.randint(0, 2, (outputs, logits.shape[1]), generator=torch.Generator().manual_seed(seed)) * 2.0 - 1
        return [row.to(logits).expand_as(logits) / outputs**0.5 for row in signs]

    return gram(
        model, x, x2, cotangents, parameters=parameters, batchnorm=batchnorm, dtype=dtype, block=block, seed=seed
    )


def loss_gram(model: nn.Module, x: Tensor, y: Tensor, **settings) -> Tensor:
    """The products of the samples' loss gradients [B, B], cross entropy; settings as in `ntk`."""

    def cotangents(logits: Tensor, rows: slice) -> list[Tensor]:
        return [logits.detach().softmax(1) - nn.functional.one_hot(y[rows], logits.shape[1]).to(logits)]

    return gram(model, x, None, cotangents, **settings)


def gram(
    model: nn.Module,
    x: Tensor,
    x2: Tensor | None,
    cotangents: Cotangents,
    *,
    parameters: str | Callable[[str, nn.Parameter], bool] = "all",
    batchnorm: str = "frozen",
    dtype: torch.dtype | str = torch.float64,
    block: int | None = None,
    seed: int = 0,
) -> Tensor:
    """The sum over cotangents v of the products of grad <v_i, f(x_i)>; settings as in `ntk`.

    Args:
        cotangents: from logits [b, K], and the slice of the inputs that they belong to, to a list of [b, K], row i used
            for sample i.
    """
    dtype = _floating(dtype)
    _check(x, x2, batchnorm, block)
    chosen = _chosen(model, parameters)
    state = converted(model, lambda t: _cast(t, dtype, copy=not isinstance(t, nn.Parameter)))
    x, x2 = (t if t is None else _cast(t, dtype) for t in (x, x2))
    with preserved(model, seed=seed):
        if batchnorm == "coupled":
            kernel, note = _coupled(model, state, chosen, x, cotangents), None
        else:
            kernel, note = _separate(
                model, state, chosen, x, x2, cotangents, frozen=batchnorm == "frozen", block=block, seed=seed
            )
    if note:
        warnings.warn(f"ntk: {note}", stacklevel=3)
    if not kernel.isfinite().all():
        raise SelectionError("the network's gradients are not finite numbers")
    return kernel


def _check(x: Tensor, x2: Tensor | None, batchnorm: str, block: int | None) -> None:
    if len(x) < 2:
        raise SelectionError(f"a kernel needs at least 2 inputs, not {len(x)}")
    if x2 is not None and x2.shape[1:] != x.shape[1:]:
        raise SelectionError(f"x2 holds inputs of shape {list(x2.shape[1:])}, and x of {list(x.shape[1:])}")
    if batchnorm not in ("frozen", "running", "coupled"):
        raise SelectionError(f"batchnorm is 'frozen', 'running' or 'coupled', not {batchnorm!r}")
    if block is not None and not _is_count(block):
        raise SelectionError(f"block is a number of inputs or None, not {block!r}")
    if batchnorm == "coupled" and (x2 is not None or block is not None):
        raise SelectionError(
            "blocks and cross kernels need samples that do not depend on each other: batchnorm is 'frozen' or "
            "'running', not 'coupled'"
        )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _floating(dtype: torch.dtype | str) -> torch.dtype:
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise SelectionError(f"dtype is a floating type, as 'float64', not {dtype!r}")
    return found


def _cast(t: Tensor, dtype: torch.dtype, copy: bool = False) -> Tensor:
    return t.detach().to(dtype if t.is_floating_point() else t.dtype, copy=copy)


def _separate(
    model: nn.Module,
    state: dict[str, Tensor],
    names: list[str],
    x: Tensor,
    x2: Tensor | None,
    cotangents: Cotangents,
    *,
    frozen: bool,
    block: int | None,
    seed: int,
) -> tuple[Tensor, str | None]:
    """The kernel in eval mode, where no sample depends on another, and a note on the parameters that have no
    formula."""
    model.eval()
    batch_norms(model, running=not frozen)  # or they would make samples depend on each other
    recording = partial(frozen_statistics, model) if frozen else nullcontext
    capture, per_sample, turns = Capture(model, state, names), PerSample(model, state), [slice(None)]
    several = block is not None or x2 is not None
    if several:  # the statistics are those of the whole x; a cotangent a turn, so that factors of one only are kept
        some = x if frozen else x[:2]
        with torch.no_grad(), recording():
            logits = logits_of(called(model, state, some), len(some))
        turns = [slice(k, k + 1) for k in range(len(cotangents(logits, slice(len(logits)))))]
        recording = nullcontext

    def passage(turn: slice, inputs: Tensor, rows: slice, take: Take) -> None:
        drawn = seed + rows.start  # the noise of these inputs, whenever they pass
        draw_from(drawn, model)
        with recording():
            output = numbers(capture.forward(inputs))
        capture.try_rows(inputs)
        directions = cotangents(output, rows)[turn]
        for number, v in enumerate(directions):
            capture.backward(output, v, take, keep=number + 1 < len(directions))
            if capture.uncovered:
                take("others", per_sample.rows(sorted(capture.uncovered), inputs, v.detach(), drawn))

    while True:
        before = len(capture.uncovered)
        kernel = sum(assemble(partial(passage, turn), x, x2, block, state[names[0]].dtype) for turn in turns)
        if not several or len(capture.uncovered) == before:
            break  # else what was kept of the first passages is not what the last ones have met with
    note = f"no layerwise formula for {', '.join(sorted(capture.uncovered))}; taken by {per_sample.way}"
    return kernel, note if capture.uncovered else None


def _coupled(model: nn.Module, state: dict[str, Tensor], names: list[str], x: Tensor, cotangents: Cotangents) -> Tensor:
    """The kernel in training mode, a backward pass a sample: BatchNorm's statistics depend on every parameter and every
    sample."""
    model.train()
    free = [state[name].requires_grad_() for name in names]
    kernel = 0.0
    with torch.enable_grad():
        logits = numbers(logits_of(called(model, state, x), len(x)))
        for v in cotangents(logits, slice(len(x))):
            rows = gradient_rows((logits * v).sum(1), free)
            kernel = kernel + rows @ rows.T
    return kernel


def _chosen(model: nn.Module, parameters: str | Callable[[str, nn.Parameter], bool]) -> list[str]:
    rules = {"all": lambda name, p: True, "weight": lambda name, p: "weight" in name}
    rule = rules.get(parameters, parameters) if isinstance(parameters, str) else parameters
    if not callable(rule):
        raise SelectionError(f"parameters is 'all', 'weight' or a predicate(name, parameter), not {parameters!r}")
    apart = alphas(model)
    chosen = [
        name for name, p in model.named_parameters() if p.untyped_storage().data_ptr() not in apart and rule(name, p)
    ]
    if not chosen:
        raise SelectionError("no parameter is left to differentiate by")
    return chosen
