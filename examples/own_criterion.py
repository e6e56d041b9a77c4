"""A criterion of your own: a measure, registered under a name, that every lift, strategy and command takes.

The measure is the margin between the right logit and the next. As a criterion it says how much of it is lost without an
option. `selection.testing` checks that it is repeatable, leaves the network as it was, and finds the right answer where
that is known.

    python examples/own_criterion.py
"""

import torch
from torch import nn

from selection import preserved, register_criterion, register_measure, score, select
from selection.testing import Planted, check_criterion, textures


@register_measure("margin", additive=True)  # a mean over images: it may be raced
def margin(net: nn.Module, batches: list) -> float:
    """Returns the mean of the right logit minus the largest other one."""
    total = 0.0
    count = 0
    with preserved(net), torch.no_grad():  # statistics, modes and random state are left as they were
        for x, y in batches:
            logits = net(x)
            right = logits.gather(1, y[:, None])[:, 0]
            others = logits.scatter(1, y[:, None], -torch.inf).amax(1)
            total += (right - others).sum().item()
            count += len(y)
    return total / count


# A criterion says which options a measure compares: here the network with and without each option.
register_criterion("margin", "removal", "margin", "the margin that is lost when the option is removed")


def main() -> None:
    # A mistake in a measure is found here, not in a search: it raises where the criterion is not sound.
    check_criterion("margin")

    # In this network alpha favours the identity, but only the convolution tells the classes apart.
    net = Planted()
    batches = [textures()]
    scores = score(net, "margin", batches)
    print({option: round(value, 2) for option, value in scores["cell/0/op"].items()})

    # So magnitude is wrong and the margin is right; a combination compares whole architectures, by a beam.
    for criterion in ("magnitude", "margin", "margin+parameters"):
        strategy = "beam" if "+" in criterion else "oneshot"
        selection = select(net, criterion, strategy, batches=batches)
        print(f"{criterion:18} {selection.decisions}")


if __name__ == "__main__":
    main()
