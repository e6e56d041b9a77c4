"""How targets are read, which loss they ask for, and what is refused in one line; losses beside slow versions."""

import math

import pytest
import torch
from torch import nn

from selection import SelectionError, measure
from selection.losses import LOSSES, compute_loss, share_right
from selection.targets import infer_loss, read_class_indices, shape_targets

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64)


def outputs(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def one_hot(labels, classes):
    return torch.eye(classes, dtype=torch.float64)[labels]


LABELS = torch.tensor([0, 2, 1, 2, 0])
DENSE = torch.randint(3, (5, 2, 4), generator=torch.Generator().manual_seed(1))
MULTI_HOT = torch.tensor([[1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1]])
NUMBERS = outputs(5, 3, seed=2)
SOFT = outputs(5, 3, seed=3).softmax(1)


@pytest.mark.parametrize(
    ("shape", "y", "name"),
    [
        ((5, 3), LABELS, "cross_entropy"),
        ((5, 3), LABELS[:, None], "cross_entropy"),
        ((5, 3, 1, 1), LABELS, "cross_entropy"),
        ((5, 3), one_hot(LABELS, 3), "cross_entropy"),
        ((5, 3), one_hot(LABELS, 3).int(), "cross_entropy"),
        ((3, 3), one_hot([0, 2, 1], 3), "cross_entropy"),
        ((5, 3), SOFT, "cross_entropy"),
        ((5, 3), SOFT.bfloat16(), "cross_entropy"),
        ((5, 3, 2, 4), DENSE, "cross_entropy"),
        ((5, 3, 2, 4), DENSE[:, None], "cross_entropy"),
        ((5, 3, 2, 4), one_hot(DENSE, 3).movedim(-1, 1), "cross_entropy"),
        ((5, 1), LABELS == 0, "binary_cross_entropy"),
        ((5, 1), (LABELS == 0).float()[:, None], "binary_cross_entropy"),
        ((5, 1, 2, 4), (DENSE == 0).long(), "binary_cross_entropy"),
        ((5, 3), MULTI_HOT, "binary_cross_entropy"),
        ((5, 3), MULTI_HOT.float(), "binary_cross_entropy"),
        ((5, 3), NUMBERS, "mse"),
        ((5, 1), NUMBERS[:, 0], "mse"),
        ((5, 1), NUMBERS[:, :1], "mse"),
        ((5, 1, 2), NUMBERS[:, :2], "mse"),
    ],
)
def test_targets_ask_for_the_loss_that_has_a_meaning(shape, y, name):
    assert infer_loss(outputs(*shape), y) == name


@pytest.mark.parametrize("dtype", INTEGERS)
def test_labels_of_every_integer_type_are_the_same_labels(dtype):
    logits = outputs(5, 3)
    for y in (LABELS.to(dtype), LABELS.to(dtype)[:, None], one_hot(LABELS, 3).to(dtype)):
        assert compute_loss(logits, y) == pytest.approx(float(compute_loss(logits, LABELS)), rel=1e-15)
        assert torch.equal(share_right(logits, y), share_right(logits, LABELS))
    assert torch.equal(shape_targets("cross_entropy", logits, LABELS.to(dtype)), LABELS)


def cross_entropy_by_hand(logits, y):
    """Of each sample the mean over positions of -log softmax at its class."""
    losses = []
    for scores, labels in zip(logits.flatten(2), y.flatten(1)):
        positions = []
        for position, label in enumerate(labels.tolist()):
            column = scores[:, position].tolist()
            total = sum(math.exp(score) for score in column)
            positions.append(math.log(total) - column[label])
        losses.append(sum(positions) / len(positions))
    return torch.tensor(losses, dtype=torch.float64)


def binary_by_hand(logits, y):
    probabilities = 1 / (1 + (-logits).exp())
    losses = -(y * probabilities.log() + (1 - y) * (1 - probabilities).log())
    return losses.flatten(1).mean(1)


@pytest.mark.parametrize(
    ("logits", "y", "expected"),
    [
        (outputs(5, 3), LABELS, cross_entropy_by_hand(outputs(5, 3)[..., None], LABELS[:, None])),
        (outputs(5, 3, 2, 4), DENSE, cross_entropy_by_hand(outputs(5, 3, 2, 4), DENSE)),
        (outputs(5, 3, 8), DENSE.flatten(1), cross_entropy_by_hand(outputs(5, 3, 8), DENSE.flatten(1))),
        (outputs(5, 3), SOFT, -(SOFT * outputs(5, 3).log_softmax(1)).sum(1)),
        (outputs(5, 3), MULTI_HOT, binary_by_hand(outputs(5, 3), MULTI_HOT)),
        (outputs(5, 1), LABELS == 0, binary_by_hand(outputs(5, 1), (LABELS == 0).double()[:, None])),
        (outputs(5), LABELS == 0, binary_by_hand(outputs(5)[:, None], (LABELS == 0).double()[:, None])),
        (outputs(5, 3), NUMBERS, ((outputs(5, 3) - NUMBERS) ** 2).mean(1)),
        (outputs(5), NUMBERS[:, 0], (outputs(5) - NUMBERS[:, 0]) ** 2),
    ],
)
def test_losses_are_their_formulas(logits, y, expected):
    torch.testing.assert_close(compute_loss(logits, y, reduction="none"), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(compute_loss(logits, y, reduction="sum"), expected.sum(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(compute_loss(logits, y), expected.mean(), rtol=1e-12, atol=1e-12)


def test_what_is_right_is_counted_by_positions_and_labels():
    dense = outputs(5, 3, 2, 4)
    assert torch.equal(share_right(dense, DENSE), (dense.argmax(1) == DENSE).double().mean((1, 2)))
    logits = outputs(5, 3)
    assert torch.equal(share_right(logits, MULTI_HOT), ((logits > 0) == MULTI_HOT.bool()).double().mean(1))
    assert torch.equal(share_right(logits, SOFT), (logits.argmax(1) == SOFT.argmax(1)).double())


@pytest.mark.parametrize(
    ("shape", "y", "says"),
    [
        ((5, 3), LABELS + 1, "label 3 is out of range: the network has 3 logits"),
        ((5, 3), LABELS - 1, "label -1 is out of range"),
        ((5, 3), LABELS.float(), r"class indices are whole numbers, not float32 \[5\]: give y.long\(\)"),
        ((5, 3), torch.zeros(5, 4), r"targets float32 \[5, 4\] do not fit outputs \[B, 3\]"),
        ((5, 3), DENSE, r"do not fit outputs \[B, 3\]: labels are \[B\]"),
        ((5, 3), MULTI_HOT * 2, "neither one-hot nor 0 and 1"),
        ((5, 3), torch.rand(5, 3) / 4, "may be probabilities or numbers: say which"),
        ((5, 1), LABELS, "label 2 is out of range: the network has 1 logit, for labels 0 and 1"),
        ((5, 1), torch.rand(5), "may be probabilities or numbers"),
        ((5, 3), torch.full((5, 3), math.nan), "not finite real numbers"),
        ((5, 3), LABELS.tolist(), "targets are a tensor"),
        ((5, 3), LABELS[:4], "returns 5 outputs for 4 targets"),
    ],
)
def test_what_has_no_meaning_is_refused_in_one_line(shape, y, says):
    with pytest.raises(SelectionError, match=says) as caught:
        compute_loss(outputs(*shape), y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "shape", "y", "says"),
    [
        ("cross_entropy", (5, 3), MULTI_HOT, "rows add up to 1; several labels an image are"),
        ("cross_entropy", (5, 1), LABELS == 0, "cross_entropy of one logit is always 0"),
        ("binary_cross_entropy", (5, 3), NUMBERS, "takes targets between 0 and 1"),
        ("binary_cross_entropy", (5, 3), LABELS, "do not fit outputs"),
        ("mse", (5, 3), LABELS, "do not fit outputs"),
    ],
)
def test_a_loss_that_is_named_refuses_what_it_has_no_meaning_for(name, shape, y, says):
    with pytest.raises(SelectionError, match=says):
        compute_loss(outputs(*shape), y, name)


def test_a_named_loss_settles_what_is_ambiguous():
    shares = torch.rand(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 4
    logits = outputs(5, 3)
    torch.testing.assert_close(compute_loss(logits, shares, "mse"), ((logits - shares) ** 2).mean())
    assert float(compute_loss(logits, shares, "binary_cross_entropy")) == pytest.approx(
        float(binary_by_hand(logits, shares).mean()), rel=1e-12
    )


def test_losses_of_ones_own_may_be_means_or_one_a_sample():
    logits = outputs(5, 3)
    by_sample = compute_loss(logits, LABELS, reduction="none")
    for own in (nn.CrossEntropyLoss(), nn.CrossEntropyLoss(reduction="none")):
        for reduction in ("mean", "sum", "none"):
            got = compute_loss(logits, LABELS, own, reduction)
            want = {"mean": by_sample.mean(), "sum": by_sample.sum(), "none": by_sample}[reduction]
            torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


def test_accuracy_is_refused_where_numbers_are_predicted():
    net = nn.Linear(4, 1)
    with pytest.raises(SelectionError, match="accuracy has no meaning where numbers are predicted: give metric="):
        measure("accuracy", net, torch.randn(6, 4), torch.randn(6))


def test_class_indices_are_read_of_labels_and_one_hot_rows_only():
    logits = outputs(5, 3)
    for y in (LABELS, LABELS[:, None], one_hot(LABELS, 3), one_hot(LABELS, 3).byte()):
        assert torch.equal(read_class_indices(logits, y), LABELS)
    for y in (SOFT, MULTI_HOT, NUMBERS):
        with pytest.raises(SelectionError, match="it compares classes"):
            read_class_indices(logits, y)


def test_every_named_loss_is_a_mean_over_samples():
    targets = {"cross_entropy": LABELS, "binary_cross_entropy": MULTI_HOT.double(), "mse": NUMBERS}
    assert set(targets) == set(LOSSES)
    for name, y in targets.items():
        logits = outputs(5, 3)
        halves = [compute_loss(logits[part], y[part], name, "sum") for part in (slice(2), slice(2, None))]
        assert float(sum(halves)) == pytest.approx(float(compute_loss(logits, y, name, "sum")), rel=1e-12)
