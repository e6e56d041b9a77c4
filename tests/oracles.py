"""Slow, obvious versions of what the packages compute fast."""

import torch


def supernet_logits(net, x):
    """A supernet's logits by definition: every option module is called, weighted by softmax(alpha) and added, edge by
    edge.

    Where an edge chooses its activation, its convolutions read the weighted sum of all activations; where it chooses an
    added skip, that is a term like others.
    """
    older = newer = net.stem(x)
    for site, cell in zip(net.cell_specs, net.cells):
        if site.group is None:
            output = cell(newer)
        else:
            output = mixed_cell(
                cell,
                older,
                newer,
                {choice: alpha.exp() / alpha.exp().sum() for choice, alpha in net.logits().items()},
                site.group,
            )
        older, newer = newer, output
    return classify(net, newer)


def mixed_cell(cell, older, newer, weights, group):
    """node = sum over its edges, sum over their options, weight * option(source)."""
    states = input_states(cell, older, newer)
    for node in range(len(states), cell.space.states):
        total = 0
        for row, (source, target) in enumerate(cell.space.edges):
            if target == node:
                x, edge = states[source], cell.edges[row]
                activated = (
                    x
                    if edge.activation is None
                    else sum(w * option(x) for w, option in zip(weights[f"{group}/{row}/act"], edge.activation.options))
                )
                for name, weight, option in zip(edge.names, weights[f"{group}/{row}/op"], edge.options):
                    total = total + weight * option(activated if "conv" in name else x)
                if edge.skip is not None:
                    total = total + weights[f"{group}/{row}/skip"][1] * edge.skip.options[1](x)
        states.append(total)
    return torch.cat([states[index] for index in cell.space.concat], dim=1)


def discrete_logits(net, x):
    """The logits of a genotype's network without drop path, the cells read off the genotype."""
    older = newer = net.stem(x)
    if net.second_stem is not None:
        newer = net.second_stem(older)
    for site, cell in zip(net.cell_specs, net.cells):
        if site.group is None:
            output = cell(newer)
        else:
            edges, concat = net.genotype.cells[site.group]
            states = dict(enumerate(input_states(cell, older, newer)))
            for node in sorted({edge.node for edge in edges}):
                states[node] = sum(op(states[edge.source]) for edge, op in zip(edges, cell.edges) if edge.node == node)
                states[node] = states[node] + sum(
                    cell.skips[str(row)](states[e.source]) for row, e in enumerate(edges) if e.node == node and e.skip
                )
            output = torch.cat([states[index] for index in concat], dim=1)
        older, newer = newer, output
    return classify(net, newer)


def input_states(cell, older, newer):
    """What a cell's edges read from outside."""
    return [cell.preprocess[0](older), cell.preprocess[1](newer)] if cell.preprocess is not None else [newer]


def classify(net, features):
    """Mean over the pixels, then the linear classifier."""
    return net.last(features).mean(dim=(2, 3)) @ net.classifier.weight.T + net.classifier.bias


def darts_cell_genotype(alpha, options, excluded=("none",), keep=2, inputs=2):
    """DARTS' rule: [(op, source)] of each node, its `keep` edges of largest allowed softmax weight, strongest first;
    ties go to the first."""
    weights = torch.softmax(alpha.detach().double(), dim=1).tolist()
    genotype, row, node = [], 0, inputs
    while row < len(weights):
        edges = []
        for source in range(node):
            best = None
            for name, weight in zip(options[row], weights[row]):
                if name not in excluded and (best is None or weight > best[0]):
                    best = (weight, name, source)
            edges.append(best)
            row += 1
        for _ in range(keep):
            strongest = edges[0]
            for edge in edges[1:]:
                if edge[0] > strongest[0]:
                    strongest = edge
            edges.remove(strongest)
            genotype.append((strongest[1], strongest[2]))
        node += 1
    return genotype
