"""Random inputs of the kinds that users bring, from a seed: genotype texts, checkpoints, configs and batches.

Each is a true one with up to three things done to it that happen to files and tensors on their way.
"""

import io
import random
from collections import OrderedDict
from dataclasses import dataclass, field

import torch
import yaml

from supernet import Supernet, create_space, list_spaces

KINDS = ("genotype", "checkpoint", "config", "batches")


@dataclass
class Input:
    """A file and the command that reads it, or the batches that select is given.

    Args:
        words: the command; FILE and OUT are replaced.
    """

    kind: str
    number: int
    words: list[str] = field(default_factory=list)
    content: bytes = b""
    suffix: str = ""
    batches: object = None
    options: dict = field(default_factory=dict)


def draw_input(number: int) -> Input:
    """Draws the input of that number, always the same."""
    rng = random.Random(number)
    kind = KINDS[number % len(KINDS)]
    return {
        "genotype": _draw_genotype,
        "checkpoint": _draw_checkpoint,
        "config": _draw_config,
        "batches": _draw_batches,
    }[kind](rng, number)


# Genotypes

PAIRS = "[('sep_conv_3x3', 0), ('skip_connect', 1), ('dil_conv_5x5', 0), ('max_pool_3x3', 2)]"
TEXTS = (
    "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|",
    f"Genotype(normal={PAIRS}, normal_concat=range(2, 4), reduce={PAIRS}, reduce_concat=[2, 3])",
    f"Genotype({PAIRS}, range(2, 4), {PAIRS}, list(range(2, 4)))",
    "Genotype(normal=[[('sep_conv_3x3', 0), ('skip_connect', 1)], [('skip_connect', 0), ('dil_conv_3x3', 2)]], "
    "normal_concat=range(2, 4), reduce=[[('max_pool_3x3', 0), ('max_pool_3x3', 1)], [('skip_connect', 2), "
    "('max_pool_3x3', 0)]], reduce_concat=range(2, 4))",
    "Structure(4 nodes with |nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|)",
    f"Genotype(normal={PAIRS}, normal_concat=range(2, 4), reduce=None, reduce_concat=None)",
)
BEFORE = (
    "",
    "",
    "genotype = ",
    "DARTS_V9 = ",
    "2019-12-31 02:51:20,249 genotype = ",
    "genotypes.",
    "best: ",
    "> ",
    "\ufeff",
)
AFTER = ("", "", "\n", ";", ".", ",", "\r\n", "  # found by hand", "\nnormal weights: [0.1, 0.2]", "\0")
WORDS = (
    "sep_conv_3x3",
    "skip_connect",
    "none",
    "nor_conv_3x3",
    "range(2, 4)",
    "normal",
    "0",
    "1",
    "2",
    "~",
    "'",
    ")",
    "|",
)
STRANGE = (
    "np.int64(1)",
    "-1",
    "999999999999999999999999",
    "1e400",
    "None",
    "[]",
    '"',
    "\u2019",
    "mbconv_k3",
    "lambda: 0",
    "((" * 300,
)
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1")


def _draw_genotype(rng: random.Random, number: int) -> Input:
    text = rng.choice(BEFORE) + rng.choice(TEXTS) + rng.choice(AFTER)
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        text = rng.choice((_cut, _swap_word, _drop_letter, _double, _change_quotes))(rng, text)
    content = text.encode(rng.choice(ENCODINGS), errors="replace")
    words = "retrain FILE --data digits --train_limit 40 --test_limit 20 --epochs 1 --batch_size 20 --channels 2"
    return Input("genotype", number, f"{words} --layers 1 --threads 1 --out OUT".split(), content, ".txt")


def _cut(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _swap_word(rng: random.Random, text: str) -> str:
    old = rng.choice(WORDS)
    count = text.count(old)
    if not count:
        return text
    parts = text.split(old)
    place = rng.randrange(count)
    return old.join(parts[: place + 1]) + rng.choice((*STRANGE, *WORDS)) + old.join(parts[place + 1 :])


def _drop_letter(rng: random.Random, text: str) -> str:
    if not text:
        return text
    place = rng.randrange(len(text))
    return text[:place] + text[place + 1 :]


def _double(rng: random.Random, text: str) -> str:
    start = rng.randrange(len(text) + 1)
    end = rng.randrange(start, len(text) + 1)
    return text[:end] + text[start:]


def _change_quotes(rng: random.Random, text: str) -> str:
    return text.replace("'", rng.choice(('"', "`", "\u2018")))


# Checkpoints of quark0/darts

_CHECKPOINT: dict = {}


def _true_checkpoint() -> dict:
    """Returns the content of one that is right; made once."""
    if not _CHECKPOINT:
        from supernet.quark0 import _ORIGINALS, _rename

        net = Supernet(create_space("darts"), channels=2, layers=3, num_classes=10, in_chans=1, seed=0)
        state = {_rename(name, _ORIGINALS): t for name, t in net.state_dict().items() if not name.startswith("alphas")}
        generator = torch.Generator().manual_seed(0)
        alphas = {f"alphas_{group}": 1e-3 * torch.randn(14, 8, generator=generator) for group in ("normal", "reduce")}
        _CHECKPOINT.update({"state_dict": state, **alphas})
    return dict(_CHECKPOINT, state_dict=OrderedDict(_CHECKPOINT["state_dict"]))


def _draw_checkpoint(rng: random.Random, number: int) -> Input:
    content = _true_checkpoint()
    changes = (
        _prefix,
        _forget_counts,
        _move_alphas,
        _drop_tensor,
        _reshape,
        _spoil,
        _add,
        _rename_part,
        _retype,
        _nest,
    )
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        if isinstance(content, dict):
            content = rng.choice(changes)(rng, content)
    file = io.BytesIO()
    torch.save(content, file)
    data = file.getvalue()
    if rng.random() < 0.15:
        data = data[: rng.randrange(len(data))]
    elif rng.random() < 0.1:
        place = rng.randrange(len(data))
        data = data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]
    words = "import FILE --format quark0 --data digits --train_limit 40 --test_limit 20 --batch_size 20 --threads 1"
    return Input("checkpoint", number, f"{words} --out OUT".split(), data, ".pt")


def _state_of(content: dict) -> OrderedDict:
    state = content.get("state_dict")
    return state if isinstance(state, OrderedDict) else OrderedDict()


def _prefix(rng: random.Random, content: dict) -> dict:
    prefix = rng.choice(("module.", "_orig_mod.", "module._orig_mod.", "model."))
    return {**content, "state_dict": OrderedDict((prefix + name, t) for name, t in _state_of(content).items())}


def _forget_counts(rng: random.Random, content: dict) -> dict:
    kept = [(name, t) for name, t in _state_of(content).items() if not name.endswith("num_batches_tracked")]
    return {**content, "state_dict": OrderedDict(kept)}


def _move_alphas(rng: random.Random, content: dict) -> dict:
    state = _state_of(content)
    for name in ("alphas_normal", "alphas_reduce"):
        if name in content:
            state[name] = content[name]
    rest = {name: value for name, value in content.items() if not name.startswith("alphas") or rng.random() < 0.5}
    return {**rest, "state_dict": state}


def _drop_tensor(rng: random.Random, content: dict) -> dict:
    state = _state_of(content)
    if state:
        del state[rng.choice(list(state))]
    return {**content, "state_dict": state}


def _pick_tensor(rng: random.Random, content: dict) -> tuple[dict, str]:
    """Returns the dict that holds some tensor, and its name there."""
    state = _state_of(content)
    if state and rng.random() < 0.6:
        return state, rng.choice(list(state))
    return content, rng.choice(("alphas_normal", "alphas_reduce"))


def _change_tensor(content: dict, holder: dict, name: str, value: object) -> dict:
    holder[name] = value
    return content


def _reshape(rng: random.Random, content: dict) -> dict:
    holder, name = _pick_tensor(rng, content)
    shape = rng.choice(((), (3,), (14, 7), (5, 8), (2, 14, 8), (0, 8)))
    return _change_tensor(content, holder, name, torch.zeros(shape))


def _spoil(rng: random.Random, content: dict) -> dict:
    holder, name = _pick_tensor(rng, content)
    value = holder.get(name)
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return content
    return _change_tensor(content, holder, name, torch.full_like(value, rng.choice((float("nan"), float("inf"), 1e38))))


def _add(rng: random.Random, content: dict) -> dict:
    _state_of(content)[rng.choice(("ema", "cells.0.extra", "arch", "stem.9.weight"))] = torch.zeros(2)
    return content


def _rename_part(rng: random.Random, content: dict) -> dict:
    old, new = rng.choice((("state_dict", "model"), ("alphas_normal", "alpha"), ("state_dict", "net"), ("x", "y")))
    return {new if name == old else name: value for name, value in content.items()}


def _retype(rng: random.Random, content: dict) -> dict:
    holder, name = _pick_tensor(rng, content)
    value = holder.get(name)
    if not isinstance(value, torch.Tensor):
        return content
    dtype = rng.choice((torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.complex64, torch.bool))
    return _change_tensor(content, holder, name, rng.choice((value.to(dtype), value.tolist(), None, "tensor")))


def _nest(rng: random.Random, content: dict) -> object:
    return rng.choice(
        ({"epoch": 3, **content}, {"checkpoint": content}, [content], content["state_dict"] if content else 0, 7)
    )


# Configs

SETTINGS = {
    "space": (*list_spaces(), "dart", "", 3, None),
    "data": ("digits", "synthetic", "nowhere", "/nowhere/at/all", 3, ["digits"]),
    "epochs": (1, "1", 1.0, 0, -1, 1.5, "many", True, None, 10**30),
    "channels": (2, 0, "two", float("nan")),
    "layers": (1, 2, 3, None, 0, -3),
    "batch_size": (20, 1, 0, 10**9, "all"),
    "learning_rate": (0.025, "0.025", 0, -1, float("inf"), "1e-3", "fast", 1e300),
    "alpha": ("learned", "fixed", "frozen", 1),
    "activations": (None, "relu", "relu,gelu", "relu,relu", "swoosh", ["relu"], ""),
    "added_skip": (None, True, False, "yes", 2),
    "hypergradient": ("first", "exact", "second", None),
    "seed": (0, -1, 2**70, "x", 1.5),
    "threads": (1, 0, "all"),
    "device": ("cpu", "cuda:9", "tpu", None, ""),
    "track": ("", "magnitude", "perturbation@beam", "ntk~", "nothing"),
    "train_limit": (40, 3, 0, -5, None, 10**12, "half"),
    "val_share": (0.5, 0, 2),
    "retrain": ({"epochs": 1}, 3),
    "epoch": (3,),
}


def _draw_config(rng: random.Random, number: int) -> Input:
    settings = {"space": "tiny", "data": "digits", "epochs": 1, "channels": 2, "layers": 2, "batch_size": 20}
    settings |= {"train_limit": 40, "test_limit": 20, "threads": 1, "track": ""}
    for name in rng.sample(sorted(SETTINGS), rng.choice((0, 1, 1, 2, 3))):
        settings[name] = rng.choice(SETTINGS[name])
    if settings["train_limit"] is None or settings["epochs"] == 10**30:  # would be right, and take long
        settings["epochs"] = 0
    text = yaml.safe_dump(settings)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        text = rng.choice((_cut, _drop_letter, _double))(rng, text)
    content = text.encode(rng.choice(ENCODINGS), errors="replace")
    return Input("config", number, "search --config FILE --out OUT".split(), content, ".yaml")


# Batches of a network with 3 outputs


def _draw_batches(rng: random.Random, number: int) -> Input:
    generator = torch.Generator().manual_seed(number)
    pairs = []
    targets = rng.choice(TARGETS)
    for count in rng.choice(((6,), (6, 5), (4, 1), (1,), (2, 3, 4))):
        x = torch.randn(count, 3, 6, 6, generator=generator)
        pairs.append((x, targets(count, generator)))
    for index in rng.sample(range(len(pairs)), min(len(pairs), rng.choice((0, 0, 1, 2)))):
        pairs[index] = rng.choice(SPOIL_PAIRS)(pairs[index], generator)
    wrap = rng.choice((list, list, tuple, iter, lambda pairs: lambda: pairs, lambda pairs: (pair for pair in pairs)))
    criteria = (
        "perturbation",
        "perturbation_loss",
        "ntk",
        "taylor",
        "removal:grad_norm",
        "removal:gradsign",
        "alone:zico",
    )
    options = {"criterion": rng.choice(criteria), "strategy": "oneshot"}
    if rng.random() < 0.3:
        options["loss"] = rng.choice(("mse", "binary_cross_entropy", "cross_entropy", "nll", 3, torch.nn.L1Loss()))
    if rng.random() < 0.2:
        options["metric"] = rng.choice((lambda o, y: o.mean(), lambda o, y: "good", lambda o, y: o, 5))
    return Input("batches", number, batches=wrap(pairs), options=options)


TARGETS = (
    lambda n, g: torch.randint(3, (n,), generator=g),
    lambda n, g: torch.randint(3, (n, 1), generator=g).int(),
    lambda n, g: torch.eye(3)[torch.randint(3, (n,), generator=g)],
    lambda n, g: torch.randint(2, (n, 3), generator=g).float(),
    lambda n, g: torch.randn(n, 3, generator=g),
    lambda n, g: torch.rand(n, 3, generator=g),
    lambda n, g: torch.randint(3, (n, 6, 6), generator=g),
    lambda n, g: torch.randint(3, (n,), generator=g).double(),
    lambda n, g: torch.randint(7, (n,), generator=g),
    lambda n, g: list(range(n)),
    lambda n, g: {"labels": torch.randint(3, (n,), generator=g)},
    lambda n, g: torch.zeros(n, dtype=torch.complex64),
)
SPOIL_PAIRS = (
    lambda pair, g: (pair[0][:1], pair[1]),
    lambda pair, g: (pair[0][:0], pair[1]),
    lambda pair, g: (pair[0].byte(), pair[1]),
    lambda pair, g: (pair[0] * float("nan"), pair[1]),
    lambda pair, g: (pair[0][:, :2], pair[1]),
    lambda pair, g: (pair[0][..., :4], pair[1]),
    lambda pair, g: (pair[0].half(), pair[1]),
    lambda pair, g: pair[0],
    lambda pair, g: (*pair, pair[0]),
    lambda pair, g: [*pair],
    lambda pair, g: (pair[0].tolist(), pair[1]),
    lambda pair, g: (pair[0], None),
    lambda pair, g: (pair[0].to_sparse(), pair[1]),
)
