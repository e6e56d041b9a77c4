"""The headline claims no more than the seeds allow."""

from darts_ext.report.headline import write_headline
from darts_ext.report.ranking import _write_sentences


def rows(**criteria):
    """{criterion: (mean, standard deviation, seeds)} as rows of comparison.csv."""
    table = []
    for name, (mean, std, seeds) in criteria.items():
        row = {"criterion": name, "test_accuracy_mean": str(mean), "test_accuracy_std": str(std), "seeds": str(seeds)}
        table.append(row)
    return table


def test_a_clear_winner_is_named_with_its_distances():
    lead, first, second = write_headline(rows(ntk=(97, 0.1, 3), random=(95, 0.2, 3), parameters=(96, 0.3, 3)))
    assert lead.replace("\u00a0", " ") == "ntk reached the highest mean test accuracy: 97.00 ± 0.10 % over 3 seeds."
    assert first == "That is 2.00 points above random (baseline), more than the spread (0.22)."
    assert second == "That is 1.00 points above parameters (baseline), more than the spread (0.32)."


def test_headline_counts_the_seeds_in_which_it_is_ahead():
    results = []
    for name, accuracies in {"ntk": (97, 96, 98, 99), "random": (96, 97, 98)}.items():
        for seed, accuracy in enumerate(accuracies):
            results.append({"seed": str(seed), "criterion": name, "test_accuracy": str(accuracy)})
    _, distance, *_ = write_headline(rows(ntk=(97.5, 0.5, 4), random=(97, 0.4, 3)), results)
    assert distance.startswith(
        "That is 0.50 points above random (baseline), ahead in 1 of 3 seeds, within the spread (0.64)"
    )


def test_a_difference_within_the_spread_shows_nothing():
    sentences = write_headline(rows(ntk=(97, 0.5, 3), random=(96.5, 0.4, 3)))
    assert sentences[1].endswith("within the spread (0.64): this comparison does not show that it is better.")


def test_a_single_seed_has_no_spread():
    sentences = write_headline(rows(ntk=(97, "", 1), random=(90, "", 1)))
    assert "one seed" in sentences[0]
    assert sentences[1].endswith("without more seeds this may be chance.")
    assert not any("more than the spread" in sentence for sentence in sentences)


def test_a_baseline_that_wins_is_said_to_win():
    table = rows(ntk=(95, 0.1, 3), random=(97, 0.1, 3), magnitude=(93, 0.1, 3), parameters=(96, 0.1, 3))
    lead, verdict, distance = write_headline(table)
    assert lead.startswith("random (baseline)")
    assert verdict.replace("\u00a0", " ") == (
        "No criterion beats this baseline; the best of them is ntk: 95.00 ± 0.10 %."
    )
    assert distance == "That is 2.00 points above magnitude (vanilla DARTS), more than the spread (0.14)."


def test_a_baseline_alone_has_nothing_to_compare():
    assert "no criterion to compare" in write_headline(rows(random=(97, 0.1, 3)))[1]


def test_a_tie_with_a_baseline_is_no_better():
    table = rows(ntk=(97, 0.1, 3), magnitude=(97, 0.1, 3), parameters=(97, 0.1, 3))
    lead, *others = write_headline(table)
    assert lead.startswith("ntk, magnitude (vanilla DARTS) and parameters (baseline) reached")
    assert "No better than parameters (baseline), which reached the same." in others


def test_a_missing_baseline_and_unequal_seeds_are_remarked():
    _, distance, baseline, seeds = write_headline(rows(ntk=(97, 0.1, 3), magnitude=(96, 0.1, 2)))
    assert "vanilla DARTS" in distance
    assert baseline.startswith("Without a baseline")
    assert "same number of seeds" in seeds


def test_headline_before_the_end():
    assert write_headline([]) == ["The comparison is not finished yet."]
    assert write_headline(rows(ntk=("", "", 0))) == ["No criterion has been retrained yet."]


def test_a_ranking_without_its_baseline_says_so():
    row = {"measure": "naswot", "cifar10_spearman": 0.5}
    assert _write_sentences([row], "cifar10")[-1].endswith("The number of parameters, the baseline, was not taken.")
