"""timm's tools on found networks: recomputed cells, other numbers of classes, scripts; beside the plain network."""

import copy

import pytest
import timm
import torch
from timm.layers import DropPath

import darts_ext.zoo  # noqa: F401  (registers the models)
from darts_ext.runtime.errors import UsageError
from supernet import Genotype, build

SMALL = {"channels": 4, "layers": 3}
CELLS = {
    "nasbench201": "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
    "darts": "Genotype(normal=[('sep_conv_3x3', 0), ('max_pool_3x3', 1), ('dil_conv_3x3', 1), ('skip_connect', 0)], "
    "normal_concat=range(2, 4), reduce=[('avg_pool_3x3', 0), ('skip_connect', 1), ('sep_conv_5x5', 2), "
    "('skip_connect', 0)], reduce_concat=range(2, 4))",
}


def images(count=3, size=16):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["darts_v2", "nasbench201_cifar10"])
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_recomputed_cells_have_the_same_gradients_and_statistics(name, rate):
    layers = {"layers": 1} if name.startswith("nas") else {"layers": 3}
    plain = timm.create_model(f"darts_ext.{name}", channels=4, drop_path_rate=rate, **layers).double().train()
    recomputed = copy.deepcopy(plain)
    recomputed.set_grad_checkpointing()
    assert any(isinstance(module, DropPath) for module in plain.modules())
    for net in (plain, recomputed):
        torch.manual_seed(1)
        net(images().double()).square().sum().backward()
    for (path, p), q in zip(plain.named_parameters(), recomputed.parameters()):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-10, atol=1e-12, msg=path)
    for (path, p), q in zip(plain.named_buffers(), recomputed.buffers()):
        assert torch.equal(p, q), path


def test_recomputed_cells_keep_less_for_the_backward_pass():
    def count_kept(net):
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
            net(images())
        return sum(kept)

    net = timm.create_model("darts_ext.darts_v2", **SMALL).train()
    before = count_kept(net)
    net.set_grad_checkpointing()
    assert count_kept(net) < before / 2
    net.set_grad_checkpointing(False)
    assert count_kept(net) == before


@pytest.mark.parametrize("in_chans", [1, 3])
def test_a_checkpoint_of_other_classes_leaves_the_classifier_as_it_was(tmp_path, in_chans):
    file = tmp_path / "weights.pth"
    trained = timm.create_model("darts_ext.darts_v2", num_classes=10, in_chans=in_chans, **SMALL)
    torch.save(trained.state_dict(), file)
    torch.manual_seed(3)
    fresh = timm.create_model("darts_ext.darts_v2", num_classes=4, in_chans=in_chans, **SMALL)
    torch.manual_seed(3)
    with pytest.warns(
        UserWarning, match="the weights are of 10 classes, and the network has 4: its classifier is left"
    ):
        net = timm.create_model(
            "darts_ext.darts_v2", num_classes=4, in_chans=in_chans, checkpoint_path=str(file), **SMALL
        )
    assert torch.equal(net.classifier.weight, fresh.classifier.weight)
    assert torch.equal(net.stem[0].weight, trained.stem[0].weight)
    bare = timm.create_model("darts_ext.darts_v2", num_classes=0, in_chans=in_chans, **SMALL)
    with pytest.raises(RuntimeError, match="Unexpected key"):  # where there is no classifier, timm's own rule
        bare.load_state_dict(trained.state_dict())


def test_an_output_stride_that_cannot_be_is_refused_in_one_line():
    with pytest.raises(UsageError, match="the last feature maps are 32 times smaller than the images, and not 16"):
        timm.create_model("darts_ext.darts_v2_imagenet", features_only=True, output_stride=16, **SMALL)
    net = timm.create_model("darts_ext.darts_v2_imagenet", features_only=True, output_stride=32, **SMALL)
    assert net.feature_info.reduction()[-1] == 32
    assert timm.create_model("darts_ext.darts_v2", img_size=64, **SMALL)(images(1, 64)).shape == (1, 10)


CASES = [
    ("nasbench201", {}),
    ("nasbench201", {"drop_path": 0.2, "node_scale": 0.5}),
    ("darts", {}),
    ("darts", {"auxiliary": True, "drop_path": 0.2}),
    ("darts", {"stem": "imagenet", "node_scale": 0.5}),
]


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize(("cell", "options"), CASES)
@pytest.mark.parametrize("training", [True, False])
def test_a_script_gives_the_same_outputs_under_the_same_names(cell, options, training):
    net = build(Genotype.from_text(CELLS[cell]), channels=4, layers=3, num_classes=3, seed=0, **options)
    net.train(training)
    x = images(size=64 if "stem" in options else 16)
    script = torch.jit.script(copy.deepcopy(net))
    results = []
    for network in (net, script):
        torch.manual_seed(0)
        output = network(x)
        results.append(output if isinstance(output, tuple) else (output,))
    for ours, theirs in zip(*results):
        assert torch.equal(ours, theirs)
    named = {name for name in net.state_dict() if training or not name.startswith("auxiliary_head.")}
    assert set(script.state_dict()) == named


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_script_of_fully_connected_layers_gives_the_same_outputs():
    genotype = Genotype.from_text("MLP(relu, tanh:add_skip)")
    net = build(genotype, channels=8, num_classes=3, image_size=16, seed=0, node_scale=0.5)
    assert torch.equal(torch.jit.script(net)(images()), net(images()))
