"""What targets can be, and which loss they ask for.

    targets                                     outputs        loss
    class indices [B] or [B, 1]                 [B, C]         cross_entropy
    class indices [B, ...] or [B, 1, ...]       [B, C, ...]    cross_entropy, a mean over positions
    class probabilities, as the outputs         [B, C, ...]    cross_entropy
    0 or 1 for one output, [B] or [B, 1]        [B] or [B, 1]  binary_cross_entropy
    0 or 1 for each output, as the outputs      [B, C, ...]    binary_cross_entropy, a mean over outputs
    numbers, as the outputs                     [B, ...]       mse, a mean over outputs

Class indices are of any integer type. Targets whose rows add up to 1 are probabilities. Targets of anything else than 0
and 1 within [0, 1] may be probabilities or numbers: they are refused until the loss is named.
"""

from collections.abc import Sequence

from torch import Tensor

from .errors import SelectionError

AMBIGUOUS = (
    "targets between 0 and 1 may be probabilities or numbers: say which, by loss='binary_cross_entropy' or loss='mse'"
)


def infer_loss(logits: Tensor, y: Tensor) -> str:
    """Returns the name of the loss that targets ask for.

    Args:
        logits: the network's outputs [B, C, ...]; only their shape is read, and not B.

    Raises:
        SelectionError: no loss fits, or two do.

    >>> import torch
    >>> infer_loss(torch.zeros(2, 3), torch.tensor([0, 2])), infer_loss(torch.zeros(2, 1), torch.tensor([0.3, -2.0]))
    ('cross_entropy', 'mse')
    """
    y = read_numbers(y)
    classes = logits.shape[1]
    if _fits(y, logits.shape[2:]):
        return "cross_entropy" if classes > 1 else _infer_single(y)
    if _fits(y, logits.shape[1:]):
        return _infer_rows(y.reshape(len(y), *logits.shape[1:]))
    raise _describe_mismatch(logits, y)


def shape_targets(name: str, logits: Tensor, y: Tensor) -> Tensor:
    """Returns the targets in the shape and type that a loss takes.

    Args:
        name: "cross_entropy", "binary_cross_entropy" or "mse".
        logits: the network's outputs [B, C, ...].

    Returns:
        class indices [B, ...], or as the outputs.

    Raises:
        SelectionError: they do not fit the outputs, or hold what the loss has no meaning for.

    >>> import torch
    >>> shape_targets("cross_entropy", torch.zeros(2, 3), torch.tensor([[0], [2]], dtype=torch.int32))
    tensor([0, 2])
    """
    y = read_numbers(y)
    if len(y) != len(logits):
        raise SelectionError(f"the network returns {len(logits)} outputs for {len(y)} targets")
    if name == "cross_entropy":
        return _shape_classes(logits, y)
    if not _fits(y, logits.shape[1:]):
        raise _describe_mismatch(logits, y)
    y = y.reshape(logits.shape).to(logits.dtype)
    if name == "binary_cross_entropy" and ((y < 0) | (y > 1)).any():
        raise SelectionError(f"binary_cross_entropy takes targets between 0 and 1, not {_first_outside(y)}")
    return y


def read_class_indices(logits: Tensor, y: Tensor) -> Tensor:
    """Returns class indices int64 [B], of labels or one-hot rows.

    Raises:
        SelectionError: the targets are something else.
    """
    if logits.dim() == 2 and infer_loss(logits, y) == "cross_entropy":
        indices = _shape_classes(logits, y)
        if indices.dim() == 1:
            return indices
        if ((indices == 0) | (indices == 1)).all():
            return indices.argmax(1)
    raise SelectionError(
        f"it compares classes, and needs labels [B] of logits [B, classes], not targets {_describe(y)} of outputs "
        f"{list(logits.shape)}"
    )


def describe_reading(name: str, logits: Tensor, y: Tensor) -> str | None:
    """Says how targets are read, where they are not labels [B]."""
    if name == "binary_cross_entropy":
        return f"targets {_describe(y)} are read as yes or no of each output (binary_cross_entropy)"
    if name == "mse":
        return f"targets {_describe(y)} are read as numbers (mse)"
    if not _fits(y, logits.shape[2:]):
        return f"targets {_describe(y)} are read as probabilities of the classes (cross_entropy)"
    if logits.shape[2:].numel() > 1:
        return f"targets {_describe(y)} are read as a class for each position (cross_entropy)"
    return None


def read_numbers(y: object) -> Tensor:
    """Returns targets that are finite real numbers in a tensor [B, ...]; those of an integer type as int64."""
    if not isinstance(y, Tensor) or y.dim() == 0:
        raise SelectionError(
            f"targets are a tensor [B, ...], not a {type(y).__name__}: for others give loss= and metric= of your own"
        )
    if y.is_complex() or (y.is_floating_point() and not y.is_meta and not y.isfinite().all()):
        raise SelectionError("the targets hold values that are not finite real numbers")
    return y if y.is_floating_point() else y.long()


def _infer_single(y: Tensor) -> str:
    """Returns the loss of targets for one output."""
    if _is_binary(y):
        return "binary_cross_entropy"
    if not y.is_floating_point():
        raise SelectionError(
            f"label {_first_outside(y)} is out of range: the network has 1 logit, for labels 0 and 1; numbers to be "
            f"predicted are floating, y.float()"
        )
    return _infer_numbers(y)


def _infer_rows(y: Tensor) -> str:
    """Returns the loss of targets of the outputs' shape [B, C, ...]."""
    if _adds_up(y):
        return "cross_entropy"
    if _is_binary(y):
        return "binary_cross_entropy"
    if not y.is_floating_point():
        raise SelectionError(
            f"targets {_describe(y)} are neither one-hot nor 0 and 1 for each output: numbers to be predicted are "
            f"floating, y.float()"
        )
    return _infer_numbers(y)


def _infer_numbers(y: Tensor) -> str:
    if ((y >= 0) & (y <= 1)).all():
        raise SelectionError(AMBIGUOUS)
    return "mse"


def _shape_classes(logits: Tensor, y: Tensor) -> Tensor:
    classes = logits.shape[1]
    if classes == 1:
        raise SelectionError("cross_entropy of one logit is always 0: name loss='binary_cross_entropy' or loss='mse'")
    if _fits(y, logits.shape[2:]):
        if y.is_floating_point():
            raise SelectionError(f"class indices are whole numbers, not {_describe(y)}: give y.long()")
        y = y.reshape(len(y), *logits.shape[2:]).long()
        _check_range(y, classes)
        return y
    if not _fits(y, logits.shape[1:]):
        raise _describe_mismatch(logits, y)
    y = y.reshape(len(y), *logits.shape[1:]).to(logits.dtype)
    if not _adds_up(y):
        raise SelectionError(
            "cross_entropy takes probabilities whose rows add up to 1; several labels an image are "
            "loss='binary_cross_entropy'"
        )
    return y


def _check_range(y: Tensor, classes: int) -> None:
    """Raises SelectionError that names the first label for which there is no logit."""
    if y.is_meta:
        return
    strange = y[(y < 0) | (y >= classes)]
    if len(strange):
        raise SelectionError(
            f"label {strange[0].item()} is out of range: the network has {classes} logits, for labels 0 to "
            f"{classes - 1}"
        )


def _fits(y: Tensor, shape: Sequence[int]) -> bool:
    """Whether each sample's targets have that shape, but for dimensions of size 1."""
    return _drop_ones(y.shape[1:]) == _drop_ones(shape)


def _drop_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]


def _is_binary(y: Tensor) -> bool:
    return bool(((y == 0) | (y == 1)).all())


def _adds_up(y: Tensor) -> bool:
    """Whether the rows [B, C, ...] are probabilities."""
    if y.shape[1] < 2 or (y < 0).any():
        return False
    sums = y.float().sum(1)
    return bool(((sums - 1).abs() < 4e-3).all())  # half of bfloat16's precision


def _first_outside(y: Tensor) -> float:
    return y[(y < 0) | (y > 1)].flatten()[0].item()


def _describe(y: Tensor) -> str:
    kind = str(y.dtype).removeprefix("torch.")
    return f"{kind} {list(y.shape)}"


def _describe_mismatch(logits: Tensor, y: Tensor) -> SelectionError:
    positions = ", ".join(["B", *map(str, logits.shape[2:])])
    outputs = ", ".join(["B", *map(str, logits.shape[1:])])
    return SelectionError(
        f"targets {_describe(y)} do not fit outputs [{outputs}]: labels are [{positions}], and targets for each output "
        f"[{outputs}]"
    )
