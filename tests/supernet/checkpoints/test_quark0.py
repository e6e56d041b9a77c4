"""Parity with quark0/darts: the fixture holds what the original code computed from its own checkpoint."""

import re
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from supernet import SpaceError, Supernet, create_space, from_quark0

FIXTURE = torch.load(Path(__file__).parents[2] / "fixtures" / "quark0.pt", weights_only=True)
DTYPES = {"f32": torch.float32, "f64": torch.float64}
TOLERANCE = {"f32": {"rtol": 1e-5, "atol": 1e-5}, "f64": {"rtol": 1e-9, "atol": 1e-9}}
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def cast(tensor, precision):
    return tensor.to(DTYPES[precision]) if tensor.is_floating_point() else tensor


@pytest.fixture(scope="module")
def fixed_nets():
    """precision -> the net of the fixture, for tests that change neither weights nor alphas."""
    return {precision: load(precision) for precision in DTYPES}


def load(precision="f64"):
    state = {name: cast(tensor, precision) for name, tensor in FIXTURE["state_dict"].items()}
    return from_quark0(state, cast(FIXTURE["alphas_normal"], precision), cast(FIXTURE["alphas_reduce"], precision))


def batch(split, precision):
    return cast(FIXTURE[f"x_{split}"], precision), FIXTURE[f"y_{split}"]


def original_name(name, options):
    """The original's name of one of our tensors, written from its module tree: pools are plain Sequentials, other
    operations hold theirs in `op`."""
    parts = name.split(".")
    if parts[2:3] == ["preprocess"]:
        parts[2:4] = [f"preprocess{parts[3]}"] + ["op"] * parts[4].isdigit()
    elif parts[2:3] == ["edges"]:
        in_op = parts[6].isdigit() and "pool" not in options[int(parts[5])]
        parts[2:6] = ["_ops", parts[3], "_ops", parts[5]] + ["op"] * in_op
    return ".".join(parts)


def assert_close(actual, precision, key):
    torch.testing.assert_close(
        actual, FIXTURE[precision][key], **TOLERANCE[precision], msg=lambda text: f"{key}: {text}"
    )


@pytest.mark.parametrize("precision", DTYPES)
def test_sizes_dtype_and_every_tensor_come_from_the_checkpoint(precision, fixed_nets):
    net = fixed_nets[precision]
    assert (len(net.cells), net.num_classes, net.in_chans) == (3, 10, 3)
    assert {p.dtype for p in net.parameters()} == {DTYPES[precision]}
    ours = {
        original_name(name, FIXTURE["primitives"]): tensor
        for name, tensor in net.state_dict().items()
        if not name.startswith("alphas.")
    }
    assert ours.keys() == FIXTURE["state_dict"].keys()
    for name, tensor in FIXTURE["state_dict"].items():
        torch.testing.assert_close(ours[name], cast(tensor, precision), rtol=0, atol=0, msg=name)
    assert torch.equal(net.alphas["normal"], cast(FIXTURE["alphas_normal"], precision))
    assert torch.equal(net.alphas["reduce"], cast(FIXTURE["alphas_reduce"], precision))


@pytest.mark.parametrize("precision", DTYPES)
def test_logits_in_eval_mode_are_the_originals(precision, fixed_nets):
    assert_close(fixed_nets[precision].eval()(batch("train", precision)[0]), precision, "logits_eval")


@pytest.mark.parametrize("precision", DTYPES)
def test_a_training_step_and_the_gradient_norm_of_every_weight_are_the_originals(precision):
    net = load(precision).train()
    x, y = batch("train", precision)
    logits = net(x)
    loss = F.cross_entropy(logits, y)
    loss.backward()
    assert_close(logits, precision, "logits_train")
    assert_close(loss, precision, "loss_train")
    assert_close(net.stem[1].running_mean, precision, "bn_running_mean_after_one_train_forward")
    assert_close(net.stem[0].weight.grad, precision, "weight_grad_stem")
    assert_close(net.classifier.weight.grad, precision, "weight_grad_classifier")
    ours = {
        original_name(name, FIXTURE["primitives"]): p.grad
        for name, p in net.named_parameters()
        if not name.startswith("alphas.")
    }
    order = [name for name in FIXTURE["state_dict"] if not name.endswith(BUFFERS)]
    assert sorted(order) == sorted(ours)
    assert_close(torch.stack([ours[name].norm() for name in order]), precision, "weight_grad_norm")


@pytest.mark.parametrize("precision", DTYPES)
def test_a_first_order_architecture_step_is_the_originals(precision):
    net = load(precision).train()
    hyper = {key: value.item() for key, value in FIXTURE["hyper"].items()}
    adam = torch.optim.Adam(
        net.arch_parameters(),
        lr=hyper["arch_lr"],
        betas=(hyper["adam_beta1"], hyper["adam_beta2"]),
        eps=hyper["adam_eps"],
        weight_decay=hyper["arch_weight_decay"],
    )
    x, y = batch("val", precision)
    F.cross_entropy(net(x), y).backward()
    for group in ("normal", "reduce"):
        assert_close(net.alphas[group].grad, precision, f"alpha_grad_first_{group}")
    adam.step()
    for group in ("normal", "reduce"):
        assert_close(net.alphas[group].detach(), precision, f"alphas_after_adam_first_{group}")


@pytest.mark.parametrize("precision", DTYPES)
def test_the_genotype_is_the_originals(precision):
    """`alphas`: random; `tie`: all equal; `nonewins`: `none` largest; `share`: the ranking by softmax is not that by
    alpha."""
    net = load(precision)
    for case, alphas in FIXTURE["genotype_alphas"].items():
        with torch.no_grad():
            for alpha, values in zip(net.arch_parameters(), alphas):
                alpha.copy_(values)
        key = "genotype_alphas" if case == "alphas" else f"genotype_{case}"
        assert net.genotype().to_text() == FIXTURE["genotypes"][key], case


def test_a_net_of_seven_operations_written_as_the_original_is_read_back():
    space = create_space("darts_pt")
    net = Supernet(space, channels=4, layers=3, num_classes=7, in_chans=1, seed=3).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, buffer in net.named_buffers():
            if not name.endswith("num_batches_tracked"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator, dtype=buffer.dtype))
    options = space.choices()["normal/0/op"]
    state = {
        original_name(name, options): tensor
        for name, tensor in net.state_dict().items()
        if not name.startswith("alphas.")
    }
    assert any(re.fullmatch(r"cells\.0\._ops\.0\._ops\.3\.op\.1\.weight", name) for name in state), (
        "the first separable convolution is option 3"
    )
    again = from_quark0(state, net.alphas["normal"], net.alphas["reduce"])
    assert again.space.name == "darts_pt"
    x = torch.rand(2, 1, 9, 9, dtype=torch.float64, generator=generator)
    assert torch.equal(again.eval()(x), net.eval()(x))


def test_the_global_generator_and_the_given_tensors_stay_as_they_are():
    state = {name: tensor.clone() for name, tensor in FIXTURE["state_dict"].items()}
    alphas = FIXTURE["alphas_normal"].clone(), FIXTURE["alphas_reduce"].clone()
    before = torch.get_rng_state()
    net = from_quark0(state, *alphas)
    assert torch.equal(torch.get_rng_state(), before)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor.zero_()
    assert all(torch.equal(state[name], tensor) for name, tensor in FIXTURE["state_dict"].items())
    assert torch.equal(alphas[0], FIXTURE["alphas_normal"])
    assert torch.equal(alphas[1], FIXTURE["alphas_reduce"])


def without(name):
    return {key: tensor for key, tensor in FIXTURE["state_dict"].items() if key != name}


def replaced(name, tensor):
    return {**FIXTURE["state_dict"], name: tensor}


# one of each kind, of the statistics the mean where it is not the stem's
KINDS = {
    re.sub(r"\d+", "#", name): name
    for name in FIXTURE["state_dict"]
    if not name.endswith(BUFFERS) or name.startswith("stem") or name.endswith("running_mean")
}


@pytest.mark.parametrize("name", KINDS.values())
def test_a_missing_tensor_is_named_as_in_the_checkpoint(name):
    with pytest.raises(SpaceError, match=f": {re.escape(name)} is missing"):
        from_quark0(without(name), NORMAL, REDUCE)


NORMAL, REDUCE = FIXTURE["alphas_normal"], FIXTURE["alphas_reduce"]


@pytest.mark.parametrize(
    ("state", "normal", "reduce", "message"),
    [
        (without("classifier.weight"), NORMAL, REDUCE, "classifier.weight is missing"),
        (without("cells.0.preprocess0.op.1.weight"), NORMAL, REDUCE, "cells.0.preprocess0.op.1.weight is missing"),
        (without("cells.1._ops.2._ops.4.op.1.weight"), NORMAL, REDUCE, "cells.1._ops.2._ops.4.op.1.weight is missing"),
        ({}, NORMAL, REDUCE, "is missing"),
        (
            replaced("cells.1._ops.2._ops.9.op.1.weight", torch.zeros(1)),
            NORMAL,
            REDUCE,
            "cells.1._ops.2._ops.9.op.1.weight is unknown",
        ),
        (
            replaced("cells.1._ops.2._ops.4.op.1.weight", torch.zeros(1)),
            NORMAL,
            REDUCE,
            r"cells.1._ops.2._ops.4.op.1.weight is \[1\], not",
        ),
        (
            replaced("cells.1._ops.2._ops.9.1.weight", torch.zeros(1)),
            NORMAL,
            REDUCE,
            "cells.1._ops.2._ops.9.1.weight is unknown",
        ),
        (replaced("extra", torch.zeros(1)), NORMAL, REDUCE, "extra is unknown"),
        (
            replaced("stem.0.weight", torch.zeros(12, 3, 5, 5)),
            NORMAL,
            REDUCE,
            r"stem.0.weight is \[12, 3, 5, 5\], not \[12, 3, 3, 3\]",
        ),
        (replaced("stem.0.weight", torch.zeros(9, 3, 3, 3)), NORMAL, REDUCE, "even"),
        (replaced("stem.0.weight", torch.zeros(2, 3, 3, 3)), NORMAL, REDUCE, "at least 1"),
        (replaced("stem.0.weight", torch.zeros(12)), NORMAL, REDUCE, r"stem.0.weight is \[12\]"),
        (replaced("classifier.weight", torch.zeros(())), NORMAL, REDUCE, r"classifier.weight is \[\]"),
        (
            replaced("classifier.weight", torch.zeros(10, 63)),
            NORMAL,
            REDUCE,
            r"classifier.weight is \[10, 63\], not \[10, 64\]",
        ),
        (FIXTURE["state_dict"], NORMAL[:13], REDUCE, r"alphas_normal is \[13, 8\]"),
        (FIXTURE["state_dict"], NORMAL, REDUCE[:, :7], r"alphas_reduce is \[14, 7\]"),
        (FIXTURE["state_dict"], NORMAL[:, :6], REDUCE[:, :6], r"alphas_normal is \[14, 6\]"),
        (FIXTURE["state_dict"], NORMAL[0], REDUCE, r"alphas_normal is \[8\]"),
        (FIXTURE["state_dict"], NORMAL[:, :7], REDUCE[:, :7], "unknown|missing|not"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(state, normal, reduce, message):
    with pytest.raises(SpaceError, match=message) as caught:
        from_quark0(state, normal, reduce)
    assert "\n" not in str(caught.value)
