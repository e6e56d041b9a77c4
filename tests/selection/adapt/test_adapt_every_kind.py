"""What holds for a network of every code: the answers, the masks, every way of choosing, and that the host stays as it
was."""

import json
from contextlib import ExitStack

import pytest
import torch
from adapt import host_dartspt, host_nasbench201, host_naslib, host_pcdarts, host_ptdarts, host_quark0
from adapt.adapt_oracles import everything, logits_of, same, train_once, weight_zeroed
from torch import nn

import selection
from selection import SelectionError
from selection.protocol import surplus

HOSTS = {
    "quark0": (host_quark0.Network, "quark0", {}),
    "darts-pt": (host_dartspt.DartsNetworkProj, "dartspt", {}),
    "PC-DARTS": (host_pcdarts.Network, "pcdarts", {}),
    "pt.darts": (lambda: host_ptdarts.SearchCNNController(device_ids=[0]), "ptdarts", {}),
    "AutoDL": (host_nasbench201.TinyNetworkDarts, "nasbench201", {}),
    "AutoDL generic": (host_nasbench201.GenericNAS201Model, "nasbench201", {}),
    "darts-pt NB201": (host_nasbench201.TinyNetworkDartsProj, "nasbench201", {}),
    "NASLib DARTS": (host_naslib.darts_space, "naslib", {}),
    "NASLib NB201": (host_naslib.bench_space, "naslib", {}),
}


def alphas_of(host):
    """The host's own tensors of alphas."""
    if isinstance(host, host_naslib.Graph):
        return list(
            {
                id(data.alpha): data.alpha
                for graph in host.modules()
                if isinstance(graph, host_naslib.Graph)
                for _, _, data in graph.edges.data()
                if data.has("alpha")
            }.values()
        )
    found = getattr(host, "alphas", None) or host.arch_parameters
    found = found() if callable(found) else found
    return [found] if isinstance(found, torch.Tensor) else list(found)


@pytest.fixture(params=HOSTS)
def host(request):
    torch.manual_seed(0)
    net = HOSTS[request.param][0]()
    if isinstance(net, host_nasbench201.GenericNAS201Model):
        net.set_cal_mode("joint")
    net.kind = HOSTS[request.param][1]
    return net


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(8, 3, 8, 8, generator=generator), torch.arange(8) % 3


def test_the_answers_fit_together(host, batch):
    net = selection.adapt(host)
    selection.protocol.check_selectable(net)
    assert type(net).__name__.lower() == host.kind
    assert sum(len(options) for options in net.choices().values()) == sum(row.numel() for row in net.logits().values())
    assert set(net.choices()) == {f"{name.split('/')[0]}/{name.split('/')[1]}/op" for name in net.choices()}
    named = {name for _, names in net.inputs().values() for name in names}
    assert not net.inputs() or named == set(net.choices())
    host.eval()
    assert torch.equal(net(batch[0]), logits_of(host, batch[0]))


def test_logits_are_live(host):
    net = selection.adapt(host)
    with torch.no_grad():
        for alpha in alphas_of(host):
            alpha.fill_(2.5)
    assert all(row.eq(2.5).all() for row in net.logits().values())


def test_a_mask_is_a_weight_of_zero_in_the_hosts_formula(host, batch):
    net, (x, _) = selection.adapt(host.eval()), batch
    for choice, options in list(net.choices().items())[::4]:
        for option in options:
            with weight_zeroed(net, choice, option):
                expected = logits_of(host, x)
            with selection.masked(net, {choice: [option]}):
                torch.testing.assert_close(logits_of(host, x), expected, rtol=1e-5, atol=1e-6)
                torch.testing.assert_close(net(x), expected, rtol=1e-5, atol=1e-6)


def test_an_edge_can_go_altogether(host, batch):
    net, (x, _) = selection.adapt(host.eval()), batch
    whole = net(x)
    for _, names in surplus(net).values():
        options = list(net.choices()[names[0]])
        with ExitStack() as zeroed:
            for option in options:
                zeroed.enter_context(weight_zeroed(net, names[0], option))
            expected = logits_of(host, x)
        with selection.masked(net, {names[0]: options}):
            without = net(x)
        assert without.isfinite().all() and not torch.equal(without, whole)
        if host.kind != "pcdarts":  # where the channels that pass by go too
            torch.testing.assert_close(without, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("criterion", "strategy"),
    [("magnitude", "oneshot"), ("taylor", "oneshot"), ("perturbation", "oneshot"), ("ntk_condition", "sample")],
)
def test_every_criterion_chooses_and_leaves_no_trace(host, batch, criterion, strategy):
    train_once(host, alphas_of(host), *batch)  # so that there are gradients and running statistics to lose
    before = everything(host, alphas_of(host))
    net = selection.adapt(host)
    found = selection.select(
        net, criterion, strategy, batches=[batch], **{"candidates": 3} if strategy == "sample" else {}
    )
    genotype, text = net.genotype(found.decisions, found.inputs), net.to_json(found.decisions, found.inputs)
    assert genotype and set(json.loads(text)) == {"format", "cells"}
    assert same(everything(host, alphas_of(host)), before)


def test_whole_architectures_and_progressive_choices(host, batch):
    train_once(host, alphas_of(host), *batch)
    before = everything(host, alphas_of(host))
    net = selection.adapt(host)
    assert (
        selection.select(net, "loss", "sample", batches=[batch], candidates=2).decisions.keys() == net.choices().keys()
    )
    found = selection.select(net, "taylor", "progressive", batches=[batch], joint=False)
    assert net.genotype(found.decisions, found.inputs)
    assert same(everything(host, alphas_of(host)), before)


def test_a_commitment_survives_the_hosts_own_training(host, batch):
    net, alphas = selection.adapt(host), alphas_of(host)
    choice, options = next(iter(net.choices().items()))
    chosen = list(options)[-1]
    before = [alpha.detach().clone() for alpha in alphas]
    with selection.committed(net, choice, chosen):
        for _ in range(3):
            train_once(host, alphas, *batch)
        row = net.logits()[choice].softmax(0)
        assert row[-1] == 1 and row.sum() == 1
        host.eval()
        assert torch.equal(logits_of(host, batch[0]), net(batch[0]))
    others = [name for name in net.choices() if name != choice]
    assert torch.equal(net.logits()[choice].detach(), _row(before, alphas, net, choice)), "the row is put back"
    assert any(not torch.equal(net.logits()[name].detach(), _row(before, alphas, net, name)) for name in others), (
        "the other alphas have moved on"
    )


def _row(before, alphas, net, choice):
    """The values of a row at the time of `before`."""
    row = net.logits()[choice]
    place = next(
        index
        for index, alpha in enumerate(alphas)
        if alpha.untyped_storage().data_ptr() == row.untyped_storage().data_ptr()
    )
    return before[place].flatten()[row.storage_offset() - alphas[place].storage_offset() :][: row.numel()]


def test_tuning_goes_through_the_hosts_own_step(host, batch):
    net, alphas, rounds = selection.adapt(host), alphas_of(host), []

    def tune(made):
        if host.kind != "pcdarts" or not made.inputs:
            train_once(host, alphas, *batch)
        rounds.append(len(made.options))

    found = selection.select(net, "magnitude", "progressive", tune=tune, joint=False)
    assert rounds[0] >= 1 and max(rounds) == len(net.choices()) and net.genotype(found.decisions, found.inputs)


def test_alphas_are_no_weights_of_a_kernel(host, batch):
    net, (x, _) = selection.adapt(host.eval()), batch
    apart = {id(alpha) for alpha in alphas_of(host)}
    weights = sum(parameter.numel() for parameter in host.parameters() if id(parameter) not in apart)
    assert selection.measure("parameters", net, *batch) == weights
    kernel = selection.ntk(net, x[:4], batchnorm="running")
    rows = []
    for sample in x[:4]:
        host.zero_grad()
        logits_of(host, sample[None]).sum().backward()
        rows.append(
            torch.cat(
                [p.grad.flatten() for p in host.parameters() if p.grad is not None and id(p) not in apart]
            ).double()
        )
        for alpha in alphas_of(host):
            alpha.grad = None
    torch.testing.assert_close(kernel, torch.stack(rows) @ torch.stack(rows).T, rtol=1e-4, atol=1e-6)


def test_a_net_is_unwrapped(host, batch):
    plain = selection.adapt(host)
    for wrapped in (
        nn.DataParallel(host),
        torch.compile(host, backend="eager"),
        nn.DataParallel(torch.compile(host, backend="eager")),
    ):
        net = selection.adapt(wrapped)
        assert net.host is host and net.choices() == plain.choices()


def test_kind_can_be_said_and_is_checked(host):
    assert type(selection.adapt(host, kind=host.kind)) is type(selection.adapt(host))
    with pytest.raises(SelectionError, match="unknown kind 'darts'"):
        selection.adapt(host, kind="darts")
    with pytest.raises(SelectionError, match=f"kind {host.kind} takes no colour"):
        selection.adapt(host, colour=1)
    other = "ptdarts" if host.kind != "ptdarts" else "quark0"
    with pytest.raises(SelectionError, match=f"is no network of kind {other}: it has no alpha"):
        selection.adapt(host, kind=other)


def test_print_lists_what_was_found(host):
    net = selection.adapt(host)
    lines = repr(net).splitlines()
    assert len(lines) == 1 + len(net.choices()) and "; alphas " in lines[1] and "?" not in repr(net)


def test_an_adapted_net_comes_back_as_it_is(host):
    net = selection.adapt(host)
    assert selection.adapt(net) is net and selection.adapt(nn.DataParallel(net)) is net


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_host_on_a_gpu_is_chosen_from_there(host, batch):
    if any(alpha not in set(host.parameters()) for alpha in alphas_of(host)):
        pytest.skip("its alphas do not move with the network")
    host.cuda()
    x, y = (part.cuda() for part in batch)
    net = selection.adapt(host)
    for criterion in ("perturbation", "taylor", "magnitude"):
        found = selection.select(net, criterion, "oneshot", batches=[(x, y)])
        assert net.genotype(found.decisions, found.inputs)
    with selection.committed(net, next(iter(net.choices())), next(iter(next(iter(net.choices().values()))))):
        assert net(x).is_cuda
