"""Against the real networks: our answers are theirs, a mask is a weight of zero in their formula, and they stay as they
were."""

import json
from contextlib import contextmanager

import pytest
import torch
from adapt import checkouts
from adapt.adapt_oracles import everything, logits_of, same, train_once, weight_zeroed

import selection
from supernet import Genotype

PEERS = {  # {name: (what builds the host, the adapter that takes it)}
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
    "DrNAS": (lambda: checkouts.drnas(k=1), "Quark0"),
    "DrNAS, a quarter of the channels": (lambda: checkouts.drnas(k=4), "Quark0"),
    "DrNAS, pruned": (lambda: checkouts.drnas(k=1, keep=4), "Quark0"),
    "DrNAS NB201": (lambda: checkouts.drnas_bench(k=1), "NASBench201"),
    "DrNAS NB201, a quarter of the channels": (lambda: checkouts.drnas_bench(k=4), "NASBench201"),
    "DrNAS NB201, softmax": (lambda: checkouts.drnas_bench(k=1, species="softmax"), "NASBench201"),
    "FairDARTS": (checkouts.fairdarts, "Quark0"),
    "NASLib 301": (lambda: checkouts.naslib(301), "NASLib"),
    "NASLib 201": (lambda: checkouts.naslib(201), "NASLib"),
}
DRAWING = {name for name in PEERS if name.startswith("DrNAS") and "softmax" not in name}  # their weights are drawn


@pytest.fixture(params=PEERS)
def host(request):
    torch.manual_seed(0)
    build, name = PEERS[request.param]
    net = build()
    net.adapter, net.draws = name, request.param in DRAWING
    for alpha in alphas_of(net):
        with torch.no_grad():
            alpha.normal_()
    return net


def alphas_of(net):
    if net.adapter == "NASLib":
        return list(net.optimizer[0].architectural_weights)
    alphas = net.alphas if hasattr(net, "alphas") else net.arch_parameters
    if callable(alphas):
        alphas = alphas()
    return [alphas] if isinstance(alphas, torch.Tensor) else list(alphas)


@pytest.fixture
def batch(host):
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return images, torch.arange(4)


def test_a_host_is_recognised_and_runs(host, batch):
    net = selection.adapt(host.eval())
    assert type(net).__name__ == host.adapter
    assert net(batch[0]).shape == (4, 10)
    if host.adapter != "NASBench201" or getattr(host, "mode", "joint") == "joint":
        assert torch.equal(run(net, batch[0]), run(host, batch[0]))


def test_how_weights_follow_from_alphas_is_told(host):
    weighting = selection.adapt(host).find_mixing().weighting.name
    drawn = "sampled" if host.draws else "softmax"
    assert weighting == ("sigmoid" if "fairdarts" in type(host).forward.__code__.co_filename else drawn)


def run(net, x):
    """The logits, with the weights of one draw."""
    torch.manual_seed(0)
    return logits_of(net, x)


@contextmanager
def output_zeroed(net, choice, option):
    """Inside the block an option's modules are computed, and what they return is multiplied by zero."""
    hooks = [
        module.register_forward_hook(lambda module, inputs, output: output * 0)
        for module in net.choices()[choice][option]
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def test_a_mask_is_a_weight_of_zero_in_the_hosts_formula(host, batch):
    net, (x, _) = selection.adapt(host.eval()), batch
    names = list(net.choices())
    for choice in (names[0], names[-1]):
        for option in net.choices()[choice]:
            with output_zeroed(net, choice, option) if host.draws else weight_zeroed(net, choice, option):
                expected = run(net, x) if host.adapter != "PtDarts" else host(x)
            with selection.masked(net, {choice: [option]}):
                torch.testing.assert_close(run(net, x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("criterion", "strategy"),
    [
        ("magnitude", "oneshot"),
        ("taylor", "oneshot"),
        ("perturbation_loss", "oneshot"),
        ("loss", "sample"),
        ("ntk_condition", "sample"),
    ],
)
def test_selecting_gives_a_genotype_and_leaves_the_host_bit_equal(host, batch, criterion, strategy):
    train_once(host, alphas_of(host), *batch)
    before = everything(host, alphas_of(host))
    net = selection.adapt(host)
    options = {}
    if strategy == "sample":
        options["candidates"] = 2
    if criterion == "ntk_condition" and not has_running_statistics(host):
        options["settings"] = {"ntk_condition": {"batchnorm": "coupled"}}
    found = selection.select(net, criterion, strategy, batches=[batch], **options)
    assert net.genotype(found.decisions, found.inputs)
    text = net.to_json(found.decisions, found.inputs)
    assert json.loads(Genotype.from_json(text).to_json()) == json.loads(text)
    assert same(everything(host, alphas_of(host)), before)


def has_running_statistics(host):
    return all(getattr(module, "track_running_stats", True) for module in host.modules())


@pytest.mark.parametrize("scale", [1e-3, 1.0, 3.0])
def test_a_genotype_by_magnitude_is_the_hosts_own(host, scale):
    net = selection.adapt(host)
    for _ in range(5):
        with torch.no_grad():
            for alpha in alphas_of(host):
                alpha.normal_(0, scale)
        expected = own_genotype(host)
        found = selection.select(net, "magnitude", "oneshot")
        assert net.genotype() == expected
        assert net.genotype(found.decisions, found.inputs) == expected
        assert isinstance(net.genotype(), type(expected))


def own_genotype(host):
    """What the host says itself: of NASLib a graph's operations, of NAS-Bench-201 the string."""
    if host.adapter == "NASLib":
        return genotype_of_naslib(host)
    genotype = host.genotype() if callable(host.genotype) else host.genotype
    return genotype.tostr() if hasattr(genotype, "tostr") else genotype


def genotype_of_naslib(host):
    """{cell: {edge: operation}} of the graph that it discretises."""
    final = host.optimizer[0].get_final_architecture()
    cells = {}
    for graph in final._get_child_graphs(single_instances=True):
        if graph.name.endswith("cell"):
            edges = [edge for edge in graph.edges.data() if not edge[2].is_final()]
            cells[graph.name] = {(tail, head): data.op.get_op_name for tail, head, data in edges}
    return cells


def test_a_commitment_survives_the_hosts_own_training(host, batch):
    net, alphas = selection.adapt(host), alphas_of(host)
    choice, options = next(iter(net.choices().items()))
    chosen = list(options)[-1]
    with selection.committed(net, choice, chosen):
        for _ in range(2):
            train_once(host, alphas, *batch)
        row = net.logits()[choice].softmax(0)
        assert host.draws or row.sum() == row[list(options).index(chosen)] == 1
        assert net(batch[0]).isfinite().all()
        for other in options:
            for module in options[other]:
                assert selection.gates.is_off(module) is (other != chosen)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: checkouts.drnas(k=1), "Network draws its weights"),
        (lambda: checkouts.fairdarts("threshold_sparse"), r"Network.genotype\(\) follows another rule"),
    ],
    ids=["DrNAS", "FairDARTS with a threshold"],
)
def test_what_a_host_does_otherwise_is_said(build, message):
    torch.manual_seed(0)
    host = build()
    with pytest.warns(UserWarning, match=message):
        net = selection.adapt(host)
        net.find_mixing()
    assert message.replace("\\", "") in repr(net)
    assert net.find_mixing().weighting.name == ("sampled" if "draws" in message else "sigmoid")


def test_every_strategy_runs_where_weights_are_drawn_and_channels_pass_by():
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    net = selection.adapt(checkouts.drnas_bench(k=4))
    for strategy in ("oneshot", "progressive"):
        found = selection.select(net, "perturbation_loss", strategy, batches=[(images, torch.arange(4))])
        assert net.genotype(found.decisions)
