"""Checkpoints of pt.darts, darts-pt and AutoDL: the supernets compute what the originals computed from the same tensors
(see recorded_supernets.py)."""

import os
from pathlib import Path

import pytest
import recorded_supernets as peers
import torch

from supernet import SpaceError, Supernet, from_nasbench201, from_ptdarts, from_quark0

HOSTS = peers.recorded()
ALPHAS = ("alphas_normal", "alphas_reduce", "arch_parameters")


def convert(host, state):
    state = dict(state)
    if host == "ptdarts":
        return from_ptdarts(state)
    if host.startswith("autodl"):
        return from_nasbench201(state)
    alphas = [state.pop(name) for name in ALPHAS if name in state]
    return from_nasbench201(state, *alphas) if host.endswith("nasbench201") else from_quark0(state, *alphas)


@pytest.mark.parametrize(
    ("host", "wrapper"),
    [*((host, "") for host in HOSTS), ("ptdarts", "module."), ("dartspt_s2", "module."), ("autodl_tiny", "module.")],
)
def test_logits_are_the_originals(host, wrapper):
    state = peers.values(HOSTS[host]["shapes"])
    net = convert(
        host,
        {
            name if name in ALPHAS and host.startswith("dartspt") else wrapper + name: value
            for name, value in state.items()
        },
    )
    assert net.space.name == {"ptdarts": "darts", "dartspt_s5": "darts_pt"}.get(
        host, host.split("_")[-1] if "dartspt" in host else "nasbench201"
    )
    if host == "dartspt_s4":
        return  # its noise is drawn anew at every call
    for mode in ("eval", "train"):
        expected = torch.tensor(HOSTS[host][mode], dtype=torch.float64)
        with torch.no_grad():
            logits = net.train(mode == "train")(peers.images())
        torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-9)
        assert expected.std() > 1e-3


@pytest.mark.parametrize("host", [host for host in HOSTS if not host.startswith("autodl")])
def test_every_tensor_finds_its_place(host):
    state = peers.values(HOSTS[host]["shapes"])
    net = convert(host, state)
    ours, theirs = (
        sorted(value.double().sum().item() for value in tensors.values()) for tensors in (net.state_dict(), state)
    )
    if host != "ptdarts":  # whose alphas are in parts
        assert ours == theirs
    assert sum(ours) == pytest.approx(sum(theirs))


@pytest.mark.parametrize(
    ("host", "option", "row"), [("ptdarts", "none", 7), ("dartspt_s5", "max_pool_3x3", 0), ("autodl_tiny", "none", 0)]
)
def test_alphas_belong_to_their_options(host, option, row):
    state = peers.values(HOSTS[host]["shapes"])
    first = state[{"ptdarts": "alpha_normal.0", "dartspt_s5": "alphas_normal", "autodl_tiny": "arch_parameters"}[host]][
        0
    ]
    net = convert(host, state)
    choice, alpha = next(iter(net.logits().items()))
    assert net.space.choices()[choice][0] == option
    assert alpha[0] == first[row]


@pytest.mark.skipif(
    "DARTS_PEERS" not in os.environ,
    reason="DARTS_PEERS is a folder with checkouts of pt.darts, darts-pt and AutoDL-Projects",
)
@pytest.mark.parametrize("host", HOSTS)
def test_what_is_recorded_is_what_the_original_computes(host):
    """Last seen with pt.darts 48e7137, darts-pt 4ec3149 and AutoDL-Projects f46486e on torch 2.14."""
    folder = Path(os.environ["DARTS_PEERS"])
    if not (folder / peers.HOSTS[host][0]).is_dir():
        pytest.skip(f"no checkout {peers.HOSTS[host][0]}")
    found = peers.run(host, folder)
    assert found["shapes"] == HOSTS[host]["shapes"]
    for mode in ("eval", "train"):
        torch.testing.assert_close(torch.tensor(found[mode]), torch.tensor(HOSTS[host][mode]))


def test_statistics_that_the_original_lacks_stay_absent():
    generic, tiny = (convert(host, peers.values(HOSTS[host]["shapes"])) for host in ("autodl_generic", "autodl_tiny"))
    assert not any(name.startswith(("cells.0.", "last.")) and "running" in name for name in generic.state_dict())
    assert isinstance(tiny, Supernet)
    assert any("running" in name for name in tiny.state_dict() if name.startswith("cells.0."))


@pytest.mark.parametrize(
    ("host", "change", "message"),
    [
        ("ptdarts", {"net.stem.0.weight": None}, "not a state_dict of pt.darts: net.stem.0.weight is missing"),
        ("ptdarts", {"alpha_reduce.3": None}, "alpha_reduce.3 is missing"),
        ("ptdarts", {"alpha_reduce.3": torch.zeros(5, 7)}, r"alpha_reduce.3 is \[5, 7\], not \[5, 8\]"),
        ("ptdarts", {"net.linear.bias": None}, "classifier.bias is missing"),
        ("ptdarts", {"net.extra": torch.zeros(1)}, "extra is unknown"),
        ("ptdarts", {"net.linear.weight": torch.zeros(10)}, "dimensions"),
        ("autodl_tiny", {"arch_parameters": None}, "the alphas are missing"),
        ("autodl_tiny", {"arch_parameters": torch.zeros(5, 5)}, r"arch_parameters is \[5, 5\]"),
        ("autodl_tiny", {"cells.4.edges.3<-2.3.op.1.weight": None}, "is missing"),
        ("autodl_tiny", {"cells.5.extra": torch.zeros(1)}, "it has 6 cells"),
        ("autodl_generic", {"_stem.0.weight": None}, "stem.0.weight is missing"),
        ("dartspt_s2", {"cells.0._ops.3._ops.1.op.1.weight": None}, "is missing"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(host, change, message):
    state = {
        name: value for name, value in {**peers.values(HOSTS[host]["shapes"]), **change}.items() if value is not None
    }
    with pytest.raises(SpaceError, match=message) as caught:
        convert(host, state)
    assert "\n" not in str(caught.value)
