"""Gates, scores and decisions on networks that this project did not build into selection."""

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import selection
from selection import SelectionError, committed, masked, ntk, preserved, score, select, testing
from supernet import Supernet, create_space

FIXTURE = Path(__file__).parents[1] / "fixtures" / "quark0.pt"


def batch(count=12, size=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, size, size, generator=generator).double(), torch.randint(
        0, 4, (count,), generator=generator
    )


def supernet_of(space, seed=0):
    net = Supernet(
        create_space(space), channels=4, layers={"tiny": 2, "nasbench201": 1}.get(space, 3), num_classes=4, seed=seed
    ).double()
    with torch.no_grad():
        for alpha in net.arch_parameters():
            alpha.copy_(torch.randn(alpha.shape, generator=torch.Generator().manual_seed(seed)))
    return net


class Planted(nn.Module):
    """One choice between an identity, which alpha favours, and a convolution, without which the classes cannot be told
    apart."""

    def __init__(self):
        super().__init__()
        self.skip, self.conv = nn.Identity(), nn.Conv2d(1, 1, 3, padding=1, bias=False)
        self.alpha = nn.Parameter(torch.tensor([2.0, 0.0]))
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]))

    def forward(self, x):
        weights = self.alpha.softmax(0)
        edges = (weights[0] * self.skip(x) * 1e-3 + weights[1] * self.conv(x)).abs().mean((1, 2, 3))
        return torch.stack([edges - 0.5, 0.5 - edges], 1)

    def choices(self):
        return {"cell/0/op": {"skip_connect": [self.skip], "nor_conv_3x3": [self.conv]}}

    def logits(self):
        return {"cell/0/op": self.alpha}

    def inputs(self):
        return {}


def textures():
    """Flat images and checkerboards of the same mean."""
    y = torch.arange(20) % 2
    board = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    return torch.stack([torch.ones(8, 8) if label else 1 + board for label in y])[:, None], y


def test_planted_net_magnitude_takes_the_skip_and_perturbation_the_convolution():
    net, batches = Planted(), [textures()]
    assert (net(batches[0][0]).argmax(1) == batches[0][1]).all()
    assert select(net, "magnitude").decisions == {"cell/0/op": "skip_connect"}
    assert select(net, "perturbation", batches=batches).decisions == {"cell/0/op": "nor_conv_3x3"}
    assert select(net, "perturbation_loss", batches=batches).decisions == {"cell/0/op": "nor_conv_3x3"}
    assert select(net, "parameters").decisions == {"cell/0/op": "nor_conv_3x3"}


@pytest.mark.parametrize("space", ["tiny", "nasbench201", "darts", "s1"])
def test_a_mask_is_a_zero_weight_not_renormalised(space):
    net, (x, _) = supernet_of(space).train(), batch()
    rows = net.mixing_weights()
    for choice, options in list(net.choices().items())[::5]:
        group, row, _ = choice.split("/")
        for column, option in enumerate(options):
            weights = {name: row_.clone() for name, row_ in rows.items()}
            weights[group][int(row), column] = 0
            net.mixing_weights = lambda weights=weights: weights
            expected = net(x)
            del net.mixing_weights
            with masked(net, {choice: [option]}):
                got = net(x)
            assert torch.allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_masks_are_undone_exactly_also_after_an_exception():
    net, (x, _) = supernet_of("tiny").eval(), batch()
    before, state = net(x), {name: tensor.clone() for name, tensor in net.state_dict().items()}
    choice, (first, second, _) = "normal/0/op", list(net.choices()["normal/0/op"])
    with pytest.raises(ZeroDivisionError), masked(net, {choice: [first]}), masked(net, {choice: [first, second]}):
        assert not torch.equal(net(x), before)
        raise ZeroDivisionError
    assert torch.equal(net(x), before)
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert not any("forward" in module.__dict__ for module in net.modules())


def test_a_masked_option_is_not_computed():
    net, (x, _) = supernet_of("nasbench201"), batch()
    calls = []
    convolution = net.choices()["cell/0/op"]["nor_conv_3x3"]
    for module in convolution:
        module[1].register_forward_hook(lambda *_: calls.append(1))
    net(x)
    assert len(calls) == len(convolution)
    with masked(net, {"cell/0/op": ["nor_conv_3x3"]}):
        net(x)
    assert len(calls) == len(convolution)


@pytest.mark.parametrize("wrong", [{"cell/9/op": ["none"]}, {"cell/0/op": ["skip"]}])
def test_unknown_masks(wrong):
    with pytest.raises(SelectionError, match="did you mean"), masked(supernet_of("nasbench201"), wrong):
        pass


def accuracy_by_hand(net, batches):
    with torch.no_grad():
        right = sum(int((net(x).argmax(1) == y).sum()) for x, y in batches)
    return right / sum(len(y) for _, y in batches)


def test_removal_scores_are_differences_of_accuracies():
    net, batches = supernet_of("tiny").train(), [batch(seed=1), batch(7, seed=2)]
    base = accuracy_by_hand(net, batches)
    found = score(net, "perturbation", batches)
    for choice, options in net.choices().items():
        for option in options:
            with masked(net, {choice: [option]}):
                assert found[choice][option] == pytest.approx(base - accuracy_by_hand(net, batches), abs=1e-12)


@pytest.mark.parametrize("criterion", selection.list_criteria())
@pytest.mark.parametrize("space", ["tiny", "nasbench201"])
def test_criteria_leave_the_net_alone_and_repeat(criterion, space):
    net, batches = supernet_of(space).eval(), [batch(4)]
    net(batches[0][0]).sum().backward()
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    gradients = [parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None]
    torch.manual_seed(5)
    random_state = torch.get_rng_state()
    first = select(net, criterion, batches=batches, seed=3)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip((p for p in net.parameters() if p.grad is not None), gradients))
    assert not any(module.training for module in net.modules())
    again = select(net, criterion, batches=batches, seed=3)
    assert (first.decisions, first.inputs, first.scores) == (again.decisions, again.inputs, again.scores)
    net.space.check(net.genotype(first.decisions, first.inputs))


def test_magnitude_is_darts_own_rule():
    """Decisions and topology as quark0/darts takes them, on alphas with ties and on alphas where `none` wins."""
    from supernet import from_quark0

    saved = torch.load(FIXTURE, weights_only=True)
    for name, alphas in saved["genotype_alphas"].items():
        net = from_quark0(saved["state_dict"], alphas[0], alphas[1])
        chosen = select(net, "magnitude")
        assert net.genotype(chosen.decisions, chosen.inputs).to_text() == saved["genotypes"][f"genotype_{name}"]


def test_random_depends_on_the_seed_only():
    net = supernet_of("darts")
    torch.manual_seed(1)
    first = select(net, "random", seed=4)
    torch.manual_seed(2)
    assert select(net, "random", seed=4).decisions == first.decisions
    assert select(net, "random", seed=5).decisions != first.decisions


def kernel_by_hand(net, x, wanted):
    """One backward a sample, BatchNorms in eval mode."""
    rows = []
    for one in x:
        net.zero_grad()
        net(one[None]).sum().backward()
        rows.append(
            torch.cat(
                [
                    p.grad.flatten() if p.grad is not None else torch.zeros(p.numel())
                    for name, p in net.named_parameters()
                    if wanted(name)
                ]
            )
        )
    net.zero_grad()
    return torch.stack(rows) @ torch.stack(rows).T


@pytest.mark.parametrize("parameters", ["all", "weight"])
def test_ntk_is_the_gram_matrix_of_gradients(parameters):
    net, (x, _) = supernet_of("nasbench201"), batch(5)
    for norm in net.modules():  # statistics as they are after training
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.3)
            norm.running_var.uniform_(0.5, 2)
    net.eval()
    expected = kernel_by_hand(
        net, x, lambda name: not name.startswith("alphas.") and (parameters == "all" or "weight" in name)
    )
    got = ntk(net.train(), x, parameters=parameters, batchnorm="running")
    assert torch.allclose(got, expected, rtol=1e-10)
    assert torch.allclose(ntk(net, x[:2], x, parameters=parameters, batchnorm="running"), expected[:2], rtol=1e-10)
    assert net.training and all(p.grad is None for p in net.parameters())


def test_frozen_statistics_are_the_batchs():
    """Running statistics set by hand to the batch's, layer by layer, give the frozen kernel."""
    layers = (
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        nn.Linear(64, 3),
    )
    net, (x, _) = nn.Sequential(*layers).double(), batch(6)
    frozen = ntk(net, x)
    with torch.no_grad():
        for index in (1, 4):
            before = (
                net[:index](x)
                if index == 1
                else net[2:4](F.batch_norm(net[0](x), None, None, net[1].weight, net[1].bias, True))
            )
            net[index].running_mean.copy_(before.mean((0, 2, 3)))
            net[index].running_var.copy_(before.var((0, 2, 3), unbiased=False))
    assert torch.allclose(frozen, ntk(net, x, batchnorm="running"), rtol=1e-10)


def test_ntk_in_float64_of_a_float32_net_leaves_it_float32():
    net = nn.Linear(3, 2)
    kernel = ntk(net, torch.randn(4, 3))
    assert kernel.dtype == torch.float64 and net.weight.dtype == torch.float32


def test_progressive_ntk_never_cuts_the_cell():
    """Deciding edge after edge sees what earlier decisions took away."""
    for seed in range(3):
        net = supernet_of("nasbench201", seed)
        made = select(net, "ntk", batches=[batch(6, seed=seed)])
        assert made.strategy == "progressive"
        edges = {(e.source, e.node) for e in net.genotype(made.decisions).cells["cell"][0] if e.op != "none"}
        reached = {0}
        for _ in range(3):
            reached |= {node for source, node in edges if source in reached}
        assert 3 in reached


def test_preserved_restores_after_an_exception():
    net = nn.Sequential(nn.BatchNorm1d(3)).train()
    mean, random_state = net[0].running_mean.clone(), torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), preserved(net, seed=1):
        net(torch.randn(4, 3))
        net.eval()
        raise ZeroDivisionError
    assert torch.equal(net[0].running_mean, mean) and net.training
    assert torch.equal(torch.get_rng_state(), random_state)


class Mute(nn.Module):
    def choices(self):
        return {"cell/0/op": {"skip_connect": []}}


def test_one_clear_error_each():
    net, batches = Planted(), [textures()]
    with pytest.raises(SelectionError, match=r"does not answer logits\(\)"):
        select(Mute(), "magnitude")
    with pytest.raises(SelectionError, match="did you mean 'perturbation'"):
        select(net, "perturbations")
    with pytest.raises(SelectionError, match="unknown strategy 'greedy'"):
        select(net, "magnitude", "greedy")
    with pytest.raises(SelectionError, match="give batches"):
        select(net, "perturbation")
    with pytest.raises(SelectionError, match="at least 2 inputs"):
        ntk(net, batches[0][0][:1])
    with torch.no_grad():
        net.conv.weight.fill_(float("nan"))
    with pytest.raises(SelectionError, match="loss of the whole network: the network's logits are not numbers"):
        select(net, "perturbation_loss", batches=batches)
    Mute.logits = Mute.inputs = lambda self: {}
    with pytest.raises(SelectionError, match="option skip_connect has no module"):
        select(Mute(), "magnitude")


@pytest.mark.parametrize(
    ("question", "answer", "says"),
    [
        (
            "choices",
            {"cell/0/op": {"skip_connect": nn.Identity(), "nor_conv_3x3": [nn.Identity()]}},
            "gives a list of the modules",
        ),
        ("logits", {}, r"logits\(\) gives nothing"),
        ("logits", {"cell/0/op": torch.zeros(3)}, r"gives \[3\] for its 2 options"),
        ("inputs", {"cell/n1": (1, ["cell/7/op"])}, "only name what is in choices"),
        ("inputs", {"cell/n1": (0, ["cell/0/op"])}, "keep at least one"),
        ("inputs", {"cell/n1": (2, ["cell/0/op"])}, "keeps 2 of"),
    ],
)
@pytest.mark.parametrize("criterion", ["magnitude", "perturbation"])
def test_wrong_answers(criterion, question, answer, says):
    net = Planted()
    setattr(net, question, lambda: answer)
    with pytest.raises(SelectionError, match=says):
        select(net, criterion, batches=[textures()])


@pytest.mark.parametrize("wrong", [textures(), [textures()[0]], [(textures()[0], textures()[1][:3])]])
def test_wrong_batches(wrong):
    with pytest.raises(SelectionError, match="list of pairs"):
        select(Planted(), "perturbation", batches=wrong)


def test_batches_of_another_shape():
    net, (x, y) = supernet_of("nasbench201"), batch()
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    for criterion in ("perturbation", "ntk", "taylor"):
        with pytest.raises(SelectionError, match=r"does not take inputs of shape \[1, 8, 8\]"):
            select(net, criterion, batches=[(x[:, :1], y)])
        with pytest.raises(SelectionError, match=r"inputs of different shapes: \[3, 6, 8\], \[3, 8, 8\]"):
            select(net, criterion, batches=[(x, y), (x[:, :, 2:], y)])
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items()) and net.training


def test_a_network_that_returns_more_than_logits():
    net = Planted()
    forward = net.forward
    net.forward = lambda x: (x, forward(x))
    with pytest.raises(SelectionError, match="returns a tuple, not logits"):
        select(net, "perturbation", batches=[textures()])


def test_masked_options_need_no_formula_and_no_warning():
    net, (x, _) = Planted().double(), textures()
    with warnings.catch_warnings(), masked(net, {"cell/0/op": ["nor_conv_3x3"]}):
        warnings.simplefilter("error")
        assert torch.equal(ntk(net, x.double()), torch.zeros(20, 20).double())


def test_committed_choices_stay_committed_while_others_train():
    net, (x, y) = supernet_of("nasbench201").train(), batch()
    alphas = [alpha.clone() for alpha in net.arch_parameters()]
    plain = net(x)
    with committed(net, "cell/0/op", "nor_conv_3x3"), committed(net, "cell/3/op", "skip_connect"):
        assert torch.equal(net.mixing_weights()["cell"][0], torch.tensor([0.0, 0, 0, 1, 0]).double())
        optimizer = torch.optim.Adam(net.arch_parameters(), 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            assert not net.alphas["cell"].grad[[0, 3]].any() and net.alphas["cell"].grad[1].any()
            optimizer.step()
        assert torch.equal(net.mixing_weights()["cell"][3], torch.tensor([0.0, 1, 0, 0, 0]).double())
    assert torch.equal(net.alphas["cell"][[0, 3]], alphas[0][[0, 3]])
    assert not torch.equal(net.alphas["cell"][1], alphas[0][1])
    with torch.no_grad():
        net.alphas["cell"].copy_(alphas[0])
    assert torch.equal(net(x), plain)


def test_progressive_rounds_orders_and_tuning():
    net, batches = supernet_of("darts"), [batch(4)]
    seen = []
    settings = {"order": "random", "joint": False, "tune": lambda so_far: seen.append(len(so_far.options))}
    made = select(net, "perturbation_loss", "progressive", batches=batches, seed=2, **settings)
    assert seen == [*range(2, 30, 2), 28, 28, 28], "a choice of each cell type in a round, then a node of each"
    assert len(made.history) == len(seen) and all(len(entry["decided"]) == 2 for entry in made.history)
    order = [name for entry in made.history for name in entry["decided"]]
    assert sorted(order[:28]) == sorted(net.choices()) and order[:28] != list(net.choices())
    net.space.check(net.genotype(made.decisions, made.inputs))
    assert made.evaluations == 1 + 28 * 7 + 2 * (3 + 4 + 5) + 2 * len(seen), (
        "the second of a round is compared with what the first has made of the network"
    )
    assert made.saved == 28, "without `none` the network is what it was"


def test_progressive_most_certain_first():
    net, batches = supernet_of("nasbench201"), [batch(8)]
    gaps = {
        choice: sorted(options.values())[-1] - sorted(options.values())[-2]
        for choice, options in score(net, "perturbation_loss", batches).items()
    }
    made = select(net, "perturbation_loss", "progressive", batches=batches, order="certain")
    assert [entry["decided"][0] for entry in made.history] == sorted(gaps, key=lambda choice: -gaps[choice])


def test_the_last_value_of_a_progressive_selection_is_that_of_the_discrete_network():
    net, batches = supernet_of("nasbench201").train(), [batch(9)]
    made = select(net, "perturbation_loss", "progressive", batches=batches)
    with torch.no_grad():
        for row, option in enumerate(made.decisions.values()):
            net.alphas["cell"][row] = torch.tensor(
                [50.0 if name == option else -50.0 for name in net.space.cells["cell"].operations[0]]
            )
        expected = -F.cross_entropy(net(batches[0][0]), batches[0][1])
    assert made.history[-1]["value"] == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("space", ["tiny", "nasbench201", "s4"])
def test_taylor_is_the_derivative_by_an_options_scale(space):
    """Against scaling each option's output by hand, up and down."""
    net, batches = supernet_of(space).train(), [batch(6, seed=3), batch(3, seed=4)]
    found = score(net, "taylor", batches)

    def loss_with(modules, scale):
        handles = [module.register_forward_hook(lambda module, inputs, output: output * scale) for module in modules]
        total = 0.0
        for x, y in batches:
            torch.manual_seed(0)
            total += float(F.cross_entropy(net(x), y, reduction="sum").detach())
        for handle in handles:
            handle.remove()
        return total / sum(len(y) for _, y in batches)

    if space == "s4":  # noise is drawn anew in every pass, here after a seed for each batch, there after one for all
        batches.pop()
        found = score(net, "taylor", batches)
    for choice, options in list(net.choices().items())[:: 3 if space == "s4" else 1]:
        for option, modules in options.items():
            slope = (loss_with(modules, 1 + 1e-7) - loss_with(modules, 1 - 1e-7)) / 2e-7  # small: kinks lie close
            assert found[choice][option] == pytest.approx(-slope, rel=1e-4, abs=1e-7)


def test_taylor_takes_one_pass_for_all_options():
    net, batches = supernet_of("nasbench201"), [batch(4)]
    made = select(net, "taylor", "oneshot", batches=batches)
    assert made.evaluations == 1
    assert not any(module._forward_hooks for module in net.modules())


def test_a_commit_that_cannot_be_changes_nothing():
    net = supernet_of("nasbench201")
    alphas = net.alphas["cell"].detach().clone()
    for choice, option in [("cell/0/op", "skip"), ("cell/9/op", "none")]:
        with pytest.raises(SelectionError, match="unknown option"), committed(net, choice, option):
            pass
    with pytest.raises(ZeroDivisionError), committed(net, "cell/0/op", "none"):
        assert not torch.equal(net.alphas["cell"], alphas)
        raise ZeroDivisionError
    assert torch.equal(net.alphas["cell"], alphas)
    assert not any("forward" in module.__dict__ for module in net.modules())


def test_a_choice_that_only_its_order_decides_is_noted():
    net, batches = testing.Planted(), [testing.textures()]
    assert select(net, "perturbation", "oneshot", batches=batches).notes == []
    nn.init.zeros_(net.head.weight)
    tied = "2 of 2 choices have equal best scores, as cell/0/op, and take the first option: more images, or a loss, may tell them apart"
    assert select(net, "perturbation", "oneshot", batches=batches).notes == [tied]
