"""What other codes' supernets compute, recorded by running them: python tests/recorded_supernets.py DIR writes
fixtures/foreign.json.gz.

DIR holds checkouts named pt.darts, darts-pt and AutoDL-Projects. Their tensors are filled by a formula, so that only
names, shapes and logits are kept.
"""

import gzip
import json
import math
import subprocess
import sys
from pathlib import Path

import torch

FILE = Path(__file__).parent / "fixtures" / "foreign.json.gz"
PRELUDE = """
import sys
from types import SimpleNamespace
sys.path.insert(0, {tests!r})
from recorded_supernets import answer
import torch
torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *args, **kwargs: self
args = SimpleNamespace(learning_rate=0.1, momentum=0.9, weight_decay=0.0)
"""
DARTS_PT = """
sys.path.insert(0, "../..")
from sota.cnn.model_search import Network
from sota.cnn.spaces import spaces_dict
net = Network(2, 10, 3, None, spaces_dict[{space!r}], args)
answer(net, net.arch_parameters(), ["alphas_normal", "alphas_reduce"])
"""
AUTODL = """
from xautodl.models.cell_searchs.{module} import {network}
operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
net = {network}(4, 1, 4, 10, operations, {affine}, {track})
"""
HOSTS = {  # host: (folder, code)
    "ptdarts": (
        "pt.darts",
        "from models.search_cnn import SearchCNNController\nanswer(SearchCNNController(3, 2, 10, 3, None, "
        "device_ids=[0]))",
    ),
    **{
        f"dartspt_{space}": ("darts-pt/sota/cnn", DARTS_PT.format(space=space))
        for space in ("s5", "s1", "s2", "s3", "s4")
    },
    "dartspt_nasbench201": (
        "darts-pt",
        "from nasbench201.search_model_darts import TinyNetworkDarts\n"
        "net = TinyNetworkDarts(4, 1, 4, 10, None, ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', "
        "'avg_pool_3x3'], args)\n"
        "answer(net, net.arch_parameters(), ['arch_parameters'])",
    ),
    "autodl_tiny": (
        "AutoDL-Projects",
        AUTODL.format(module="search_model_darts", network="TinyNetworkDarts", affine=False, track=True)
        + "answer(net)",
    ),
    "autodl_generic": (
        "AutoDL-Projects",
        AUTODL.format(module="generic_model", network="GenericNAS201Model", affine=False, track=False)
        + "net.set_algo('darts-v1')\nnet.set_cal_mode('joint')\nanswer(net)",
    ),
}


def values(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """A tensor in float64 for every name, by a formula that gives each value another size."""
    filled = {}
    for index, name in enumerate(sorted(shapes)):
        shape = shapes[name]
        wave = torch.sin(0.37 * torch.arange(math.prod(shape), dtype=torch.float64) + 1.7 * index).reshape(shape)
        if name.endswith("num_batches_tracked"):
            filled[name] = torch.tensor(index % 5 + 1)
        elif name.endswith("running_var"):
            filled[name] = 1 + 0.5 * wave
        elif "alpha" in name or "arch" in name:
            filled[name] = wave
        elif len(shape) > 1:
            filled[name] = wave * math.sqrt(4 / math.prod(shape[1:]))
        else:
            filled[name] = (1 if name.endswith("weight") else 0) + 0.3 * wave
    return filled


def images() -> torch.Tensor:
    """[4, 3, 16, 16], float64."""
    return torch.sin(0.11 * torch.arange(4 * 3 * 16 * 16, dtype=torch.float64)).reshape(4, 3, 16, 16)


def answer(net: torch.nn.Module, alphas: list = (), names: list[str] = ()) -> None:
    """Prints names, shapes and logits (eval mode, then training mode) of a host whose tensors are filled."""
    net.double()
    shapes = {name: list(tensor.shape) for name, tensor in [*net.state_dict().items(), *zip(names, alphas)]}
    filled = values(shapes)
    for name, alpha in zip(names, alphas):
        alpha.data = filled[name]
    net.load_state_dict({name: filled[name] for name in net.state_dict()})
    logits = []
    with torch.no_grad():
        for mode in (False, True):
            torch.manual_seed(0)
            found = net.train(mode)(images())
            logits.append((found[1] if isinstance(found, tuple) else found).tolist())
    print(json.dumps({"shapes": shapes, "eval": logits[0], "train": logits[1]}))


def run(host: str, peers: Path) -> dict:
    """What a host computes, in a process of its own."""
    folder, code = HOSTS[host]
    code = PRELUDE.format(tests=str(Path(__file__).parent)) + "sys.path.insert(0, '.')\n" + code
    shown = subprocess.run([sys.executable, "-c", code], cwd=peers / folder, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr[-2000:]
    return json.loads(shown.stdout.splitlines()[-1])


def recorded() -> dict[str, dict]:
    """{host: what it computed}."""
    return json.loads(gzip.decompress(FILE.read_bytes()))


if __name__ == "__main__":
    found = {host: run(host, Path(sys.argv[1])) for host in HOSTS}
    FILE.write_bytes(gzip.compress(json.dumps(found).encode(), mtime=0))
