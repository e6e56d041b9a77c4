"""Against the real networks: our answers are theirs, a mask is a weight of zero in their formula, and they stay as they
were."""

import json

import pytest
import torch
from adapt import checkouts
from adapt.adapt_oracles import everything, logits_of, same, train_once, weight_zeroed

import selection
from supernet import Genotype

PEERS = {
    "quark0": (checkouts.quark0, "Quark0"),
    "PC-DARTS": (checkouts.pc_darts, "PCDarts"),
    "darts-pt s5": (checkouts.dartspt, "DartsPT"),
    "darts-pt s1": (lambda: checkouts.dartspt("s1"), "DartsPT"),
    "darts-pt s3": (lambda: checkouts.dartspt("s3", projecting=False), "DartsPT"),
    "darts-pt NB201": (checkouts.dartspt_bench, "NASBench201"),
    "pt.darts": (checkouts.ptdarts, "PtDarts"),
    "AutoDL generic": (checkouts.autodl, "NASBench201"),
    "AutoDL DARTS": (lambda: checkouts.autodl("TinyNetworkDarts"), "NASBench201"),
    "AutoDL SETN": (lambda: checkouts.autodl("TinyNetworkSETN"), "NASBench201"),
    "NASLib 301": (lambda: checkouts.naslib(301), "NASLib"),
    "NASLib 201": (lambda: checkouts.naslib(201), "NASLib"),
}


@pytest.fixture(params=PEERS)
def host(request):
    torch.manual_seed(0)
    build, name = PEERS[request.param]
    net = build()
    net.adapter = name
    for alpha in alphas_of(net):
        with torch.no_grad():
            alpha.normal_()
    return net


def alphas_of(net):
    if net.adapter == "NASLib":
        return list(net.optimizer[0].architectural_weights)
    found = net.alphas if hasattr(net, "alphas") else net.arch_parameters
    found = found() if callable(found) else found
    return [found] if isinstance(found, torch.Tensor) else list(found)


@pytest.fixture
def batch(host):
    return torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1)), torch.arange(4)


def test_it_is_recognised_and_runs(host, batch):
    net = selection.adapt(host.eval())
    assert type(net).__name__ == host.adapter
    if host.adapter != "NASBench201" or getattr(host, "mode", "joint") == "joint":
        assert torch.equal(net(batch[0]), logits_of(host, batch[0]))
    assert net(batch[0]).shape == (4, 10)


def test_a_mask_is_a_weight_of_zero_in_its_own_formula(host, batch):
    net, (x, _) = selection.adapt(host.eval()), batch
    names = list(net.choices())
    for choice in (names[0], names[-1]):
        for option in net.choices()[choice]:
            with weight_zeroed(net, choice, option):
                expected = net(x) if host.adapter != "PtDarts" else host(x)
            with selection.masked(net, {choice: [option]}):
                torch.testing.assert_close(net(x), expected, rtol=1e-5, atol=1e-6)


def test_it_is_chosen_from_and_stays_as_it_was(host, batch):
    train_once(host, alphas_of(host), *batch)
    before = everything(host, alphas_of(host))
    net = selection.adapt(host)
    tried = (
        ("magnitude", "oneshot"),
        ("taylor", "oneshot"),
        ("perturbation_loss", "oneshot"),
        ("loss", "sample"),
        ("ntk_condition", "sample"),
    )
    for criterion, strategy in tried:
        options = {"candidates": 2} if strategy == "sample" else {}
        if criterion == "ntk_condition" and any(
            getattr(module, "track_running_stats", True) is False for module in host.modules()
        ):
            options["settings"] = {"ntk_condition": {"batchnorm": "coupled"}}
        found = selection.select(net, criterion, strategy, batches=[batch], **options)
        ours = Genotype.from_json(net.to_json(found.decisions, found.inputs))
        assert json.loads(ours.to_json()) == json.loads(net.to_json(found.decisions, found.inputs))
        assert net.genotype(found.decisions, found.inputs)
    assert same(everything(host, alphas_of(host)), before)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 3.0])
def test_its_own_genotype_is_ours(host, scale):
    net = selection.adapt(host)
    for _ in range(5):
        with torch.no_grad():
            for alpha in alphas_of(host):
                alpha.normal_(0, scale)
        found = selection.select(net, "magnitude", "oneshot")
        ours = net.genotype()
        own = (
            genotype_of_naslib(host)
            if host.adapter == "NASLib"
            else host.genotype()
            if callable(host.genotype)
            else host.genotype
        )
        assert net.genotype(found.decisions, found.inputs) == ours == (own.tostr() if hasattr(own, "tostr") else own)
        assert isinstance(ours, (str, type(own)))


def genotype_of_naslib(host):
    """{cell: {edge: operation}} of the graph that it discretises."""
    final = host.optimizer[0].get_final_architecture()
    graphs = [graph for graph in final._get_child_graphs(single_instances=True) if graph.name.endswith("cell")]
    return {
        graph.name: {
            (tail, head): data.op.get_op_name for tail, head, data in graph.edges.data() if not data.is_final()
        }
        for graph in graphs
    }


def test_a_commitment_survives_its_own_training(host, batch):
    net, alphas = selection.adapt(host), alphas_of(host)
    choice, options = next(iter(net.choices().items()))
    chosen = list(options)[-1]
    with selection.committed(net, choice, chosen):
        for _ in range(2):
            train_once(host, alphas, *batch)
        row = net.logits()[choice].softmax(0)
        assert row.sum() == 1 and row[list(options).index(chosen)] == 1
        assert net(batch[0]).isfinite().all()
