"""One clear error for each mistake in what select is given, and the network unchanged."""

import pytest
import torch
from small_supernets import batch, supernet_of
from torch import nn

from selection import SelectionError, ntk, select
from selection.testing import Planted, textures


class Mute(nn.Module):
    """Answers one question of three."""

    def choices(self):
        return {"cell/0/op": {"skip_connect": []}}


class Empty(Mute):
    """Answers all of them, with nothing."""

    def logits(self):
        return {}

    def inputs(self):
        return {}


@pytest.mark.parametrize(("net", "says"), [(Mute(), r"does not answer logits\(\)"), (Empty(), "has no module")])
def test_a_network_that_does_not_answer_is_refused(net, says):
    with pytest.raises(SelectionError, match=says):
        select(net, "magnitude")


@pytest.mark.parametrize(
    ("words", "options", "says"),
    [
        (["perturbations"], {}, "did you mean 'perturbation'"),
        (["remove:loss"], {}, "unknown lift 'remove': did you mean 'removal'"),
        (["magnitude+random", "oneshot"], {}, r"takes one criterion, not magnitude\+random"),
        (["magnitude", "greedy"], {}, "unknown strategy 'greedy'"),
        (["magnitude", "sample"], {}, "measures nothing of a whole architecture"),
        (["magnitude", "beam"], {"order": "random"}, "beam takes no order; its options: width, combine, limits"),
        (["magnitude", "beam"], {"limits": {"parameter": 3}}, "did you mean 'parameters'"),
        (["magnitude", "beam"], {"limits": {"watts": 3}, "tables": {"watts": {"none": 1}}}, "table of watts has no"),
        (["taylor+magnitude", "beam"], {"combine": "prodduct"}, "did you mean 'product'"),
        (["magnitude"], {"settings": {"ntk": {}}}, "settings names ntk, which is not among"),
        (["magnitude"], {"protocol": "dartspt"}, "unknown protocol"),
    ],
)
def test_names_and_options_that_do_not_exist_are_refused(words, options, says):
    with pytest.raises(SelectionError, match=says):
        select(supernet_of("tiny"), *words, batches=[batch(4)], **options)


@pytest.mark.parametrize(
    ("words", "options", "says"),
    [
        (["perturbation"], {}, "give batches"),
        (["magnitude", "beam"], {"limits": {"flops": 3}}, "needs inputs to run the network on"),
    ],
)
def test_what_needs_images_says_so(words, options, says):
    with pytest.raises(SelectionError, match=says):
        select(supernet_of("tiny"), *words, **options)


def test_a_kernel_of_one_input_is_refused():
    x, _ = textures()
    with pytest.raises(SelectionError, match="at least 2 inputs"):
        ntk(Planted(), x[:1])


def test_logits_that_are_not_numbers_are_refused():
    net = Planted()
    nn.init.constant_(net.edges[0]["nor_conv_3x3"].weight, torch.nan)
    with pytest.raises(SelectionError, match="loss of the whole network: the network's logits are not numbers"):
        select(net, "perturbation_loss", batches=[textures()])


@pytest.mark.parametrize(
    ("question", "answer", "says"),
    [
        (
            "choices",
            {"cell/0/op": {"skip_connect": nn.Identity(), "nor_conv_3x3": [nn.Identity()]}},
            "gives a list of the modules",
        ),
        ("logits", {}, r"logits\(\) gives nothing"),
        ("logits", {"cell/0/op": torch.zeros(2)}, r"gives \[2\] for its 3 options"),
        ("inputs", {"cell/n1": (1, ["cell/7/op"])}, "only name what is in choices"),
        ("inputs", {"cell/n1": (0, ["cell/0/op"])}, "keep at least one"),
        ("inputs", {"cell/n1": (2, ["cell/0/op"])}, "keeps 2 of"),
    ],
)
@pytest.mark.parametrize("criterion", ["magnitude", "perturbation"])
def test_answers_of_the_network_that_do_not_fit_are_refused(criterion, question, answer, says):
    net = Planted()
    setattr(net, question, lambda: answer)
    with pytest.raises(SelectionError, match=says):
        select(net, criterion, batches=[textures()])


@pytest.mark.parametrize("wrong", [textures(), [textures()[0]], [(textures()[0], textures()[1][:3])]])
def test_what_is_no_list_of_pairs_is_no_batches(wrong):
    with pytest.raises(SelectionError, match="list of pairs"):
        select(Planted(), "perturbation", batches=wrong)


def test_batches_of_another_shape_are_refused():
    net, (x, y) = supernet_of("nasbench201"), batch()
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    for criterion in ("perturbation", "ntk", "taylor"):
        with pytest.raises(SelectionError, match=r"does not take inputs of shape \[1, 8, 8\]"):
            select(net, criterion, batches=[(x[:, :1], y)])
        with pytest.raises(SelectionError, match=r"inputs of different shapes: \[3, 6, 8\], \[3, 8, 8\]"):
            select(net, criterion, batches=[(x, y), (x[:, :, 2:], y)])
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert net.training


def test_a_network_that_returns_more_than_logits_is_refused():
    net = Planted()
    forward = net.forward
    net.forward = lambda x: (x, forward(x))
    with pytest.raises(SelectionError, match="returns a tuple, not logits"):
        select(net, "perturbation", batches=[textures()])
