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

HOSTS = {  # {name: (what builds the host, its kind)}
    "quark0": (host_quark0.Network, "quark0"),
    "darts-pt": (host_dartspt.DartsNetworkProj, "dartspt"),
    "PC-DARTS": (host_pcdarts.Network, "pcdarts"),
    "pt.darts": (lambda: host_ptdarts.SearchCNNController(device_ids=[0]), "ptdarts"),
    "AutoDL": (host_nasbench201.TinyNetworkDarts, "nasbench201"),
    "AutoDL generic": (host_nasbench201.GenericNAS201Model, "nasbench201"),
    "darts-pt NB201": (host_nasbench201.TinyNetworkDartsProj, "nasbench201"),
    "NASLib DARTS": (host_naslib.darts_space, "naslib"),
    "NASLib NB201": (host_naslib.bench_space, "naslib"),
}


def alphas_of(host):
    """The host's own tensors of alphas."""
    if isinstance(host, host_naslib.Graph):
        return alphas_of_graphs(host)
    alphas = getattr(host, "alphas", None) or host.arch_parameters
    if callable(alphas):
        alphas = alphas()
    return [alphas] if isinstance(alphas, torch.Tensor) else list(alphas)


def alphas_of_graphs(host):
    """The alphas on all edges, each of them once: copies of a cell share them."""
    alphas = {}
    for graph in host.modules():
        if isinstance(graph, host_naslib.Graph):
            for _, _, data in graph.edges.data():
                if data.has("alpha"):
                    alphas[id(data.alpha)] = data.alpha
    return list(alphas.values())


@pytest.fixture(params=HOSTS)
def host(request):
    """A host of each code, built anew for every test: nearly all of them train it or change its mode."""
    build, kind = HOSTS[request.param]
    torch.manual_seed(0)
    net = build()
    if isinstance(net, host_nasbench201.GenericNAS201Model):
        net.set_cal_mode("joint")
    net.kind = kind
    return net


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 3, 8, 8, generator=generator), torch.arange(4) % 3


def test_a_host_is_recognised(host):
    assert type(selection.adapt(host)).__name__.lower() == host.kind


def test_choices_logits_and_inputs_fit_together(host):
    net = selection.adapt(host)
    selection.protocol.check_selectable(net)
    for name, options in net.choices().items():
        group, edge, _ = name.split("/")
        assert name == f"{group}/{edge}/op"
        assert net.logits()[name].shape == (len(options),)
    on_nodes = {name for _, names in net.inputs().values() for name in names}
    assert on_nodes in (set(), set(net.choices()))


def test_an_adapted_net_returns_the_hosts_logits(host, batch):
    net = selection.adapt(host)
    host.eval()
    assert torch.equal(net(batch[0]), logits_of(host, batch[0]))


def test_logits_are_views_of_the_hosts_alphas(host):
    net = selection.adapt(host)
    with torch.no_grad():
        for alpha in alphas_of(host):
            alpha.fill_(2.5)
    for row in net.logits().values():
        assert row.eq(2.5).all()


def test_a_mask_is_a_weight_of_zero_in_the_hosts_formula(host, batch):
    net, (x, _) = selection.adapt(host.eval()), batch
    for choice, options in list(net.choices().items())[::5]:
        for option in options:
            with weight_zeroed(net, choice, option):
                expected = logits_of(host, x)
            with selection.masked(net, {choice: [option]}):
                torch.testing.assert_close(logits_of(host, x), expected, rtol=1e-5, atol=1e-6)
                torch.testing.assert_close(net(x), expected, rtol=1e-5, atol=1e-6)


def test_an_edge_whose_options_are_all_masked_contributes_nothing(host, batch):
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
        assert without.isfinite().all()
        assert not torch.equal(without, whole)
        if host.kind != "pcdarts":  # where the channels that pass by go too
            torch.testing.assert_close(without, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("criterion", "strategy", "options"),
    [
        ("magnitude", "oneshot", {}),
        ("taylor", "oneshot", {}),
        ("perturbation", "oneshot", {}),
        ("taylor", "progressive", {"joint": False}),
        ("loss", "sample", {"candidates": 2}),
        ("ntk_condition", "sample", {"candidates": 3}),
    ],
    ids=[
        "magnitude oneshot",
        "taylor oneshot",
        "perturbation oneshot",
        "taylor progressive",
        "loss sample",
        "ntk sample",
    ],
)
def test_selecting_gives_a_genotype_and_leaves_no_trace(host, batch, criterion, strategy, options):
    train_once(host, alphas_of(host), *batch)  # so that there are gradients and running statistics to lose
    before = everything(host, alphas_of(host))
    net = selection.adapt(host)
    found = selection.select(net, criterion, strategy, batches=[batch], **options)
    assert found.decisions.keys() == net.choices().keys()
    assert net.genotype(found.decisions, found.inputs)
    text = net.to_json(found.decisions, found.inputs)
    assert set(json.loads(text)) == {"format", "cells"}
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
        assert row[-1] == 1
        assert row.sum() == 1
        host.eval()
        assert torch.equal(logits_of(host, batch[0]), net(batch[0]))
    unchanged = {name for name, row in net.logits().items() if torch.equal(row.detach(), row_at(before, alphas, row))}
    assert choice in unchanged, "the row is not put back"
    assert unchanged != set(net.choices()), "no other alphas have moved on"


def row_at(before, alphas, row):
    """The values that a row of some alphas had at the time of `before`."""
    for alpha, values in zip(alphas, before):
        if alpha.untyped_storage().data_ptr() == row.untyped_storage().data_ptr():
            start = row.storage_offset() - alpha.storage_offset()
            return values.flatten()[start : start + row.numel()]
    raise AssertionError("the row is none of the alphas")


def test_a_host_trains_by_its_own_step_between_decisions(host, batch):
    net, alphas = selection.adapt(host), alphas_of(host)
    decided_choices = []

    def tune(decisions):
        if host.kind != "pcdarts" or not decisions.inputs:
            train_once(host, alphas, *batch)
        decided_choices.append(len(decisions.options))

    found = selection.select(net, "magnitude", "progressive", tune=tune, joint=False)
    assert decided_choices[0] >= 1
    assert max(decided_choices) == len(net.choices())
    assert net.genotype(found.decisions, found.inputs)


def test_alphas_are_not_counted_as_parameters(host, batch):
    net = selection.adapt(host)
    count = sum(parameter.numel() for parameter in weights_of(host))
    assert selection.measure("parameters", net, *batch) == count


def test_alphas_are_no_weights_of_the_tangent_kernel(host, batch):
    net, (x, _) = selection.adapt(host.eval()), batch
    kernel = selection.ntk(net, x[:4], batchnorm="running")
    rows = []
    for sample in x[:4]:
        host.zero_grad()
        logits_of(host, sample[None]).sum().backward()
        gradients = [weight.grad.flatten() for weight in weights_of(host) if weight.grad is not None]
        rows.append(torch.cat(gradients).double())
    jacobian = torch.stack(rows)
    torch.testing.assert_close(kernel, jacobian @ jacobian.T, rtol=1e-4, atol=1e-6)


def weights_of(host):
    """The host's parameters that are no alphas."""
    alphas = {id(alpha) for alpha in alphas_of(host)}
    return [parameter for parameter in host.parameters() if id(parameter) not in alphas]


def test_what_wraps_a_host_is_taken_off(host, batch):
    plain = selection.adapt(host)
    for wrapped in (
        nn.DataParallel(host),
        torch.compile(host, backend="eager"),
        nn.DataParallel(torch.compile(host, backend="eager")),
    ):
        net = selection.adapt(wrapped)
        assert net.host is host
        assert net.choices() == plain.choices()


def test_a_given_kind_is_that_which_is_recognised(host):
    assert type(selection.adapt(host, kind=host.kind)) is type(selection.adapt(host))


def test_an_unknown_kind_is_refused(host):
    with pytest.raises(SelectionError, match="unknown kind 'darts'"):
        selection.adapt(host, kind="darts")


def test_context_that_the_kind_does_not_take_is_refused(host):
    with pytest.raises(SelectionError, match=f"kind {host.kind} takes no colour"):
        selection.adapt(host, colour=1)


def test_the_kind_of_another_code_is_refused(host):
    other = "ptdarts" if host.kind != "ptdarts" else "quark0"
    with pytest.raises(SelectionError, match=f"is no network of kind {other}: it has no alpha"):
        selection.adapt(host, kind=other)


def test_print_lists_every_choice_and_where_it_is(host):
    net = selection.adapt(host)
    lines = repr(net).splitlines()
    assert len(lines) == 1 + len(net.choices())
    assert "; alphas " in lines[1]
    assert "?" not in repr(net)


def test_an_adapted_net_comes_back_as_it_is(host):
    net = selection.adapt(host)
    assert selection.adapt(net) is net
    assert selection.adapt(nn.DataParallel(net)) is net


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
    choice, options = next(iter(net.choices().items()))
    with selection.committed(net, choice, next(iter(options))):
        assert net(x).is_cuda
