"""The headline claims no more than the seeds allow."""

from darts_ext.report.headline import write_headline


def rows(**means):
    return [
        {"criterion": name, "test_accuracy_mean": str(mean), "test_accuracy_std": str(std), "seeds": str(seeds)}
        for name, (mean, std, seeds) in means.items()
    ]


def test_headline_clearly_better():
    lead, first, second = write_headline(rows(ntk=(97, 0.1, 3), random=(95, 0.2, 3), parameters=(96, 0.3, 3)))
    assert lead.replace("\u00a0", " ") == "ntk reached the highest mean test accuracy: 97.00 ± 0.10 % over 3 seeds."
    assert first == "That is 2.00 points above random (baseline), more than the spread (0.22)."
    assert second == "That is 1.00 points above parameters (baseline), more than the spread (0.32)."


def test_headline_counts_the_seeds_in_which_it_is_ahead():
    results = [
        {"seed": str(seed), "criterion": name, "test_accuracy": str(accuracy)}
        for name, accuracies in {"ntk": (97, 96, 98, 99), "random": (96, 97, 98)}.items()
        for seed, accuracy in enumerate(accuracies)
    ]
    said = write_headline(rows(ntk=(97.5, 0.5, 4), random=(97, 0.4, 3)), results)[1]
    assert said.startswith(
        "That is 0.50 points above random (baseline), ahead in 1 of 3 seeds, within the spread (0.64)"
    )


def test_headline_within_the_spread():
    sentences = write_headline(rows(ntk=(97, 0.5, 3), random=(96.5, 0.4, 3)))
    assert sentences[1].endswith("within the spread (0.64): this comparison does not show that it is better.")


def test_headline_single_seed():
    sentences = write_headline(rows(ntk=(97, "", 1), random=(90, "", 1)))
    assert "one seed" in sentences[0] and sentences[1].endswith("without more seeds this may be chance.")
    assert not any("more than the spread" in sentence for sentence in sentences)


def test_headline_baseline_wins():
    sentences = write_headline(
        rows(ntk=(95, 0.1, 3), random=(97, 0.1, 3), magnitude=(93, 0.1, 3), parameters=(96, 0.1, 3))
    )
    assert sentences[0].startswith("random (baseline)")
    assert (
        sentences[1].replace("\u00a0", " ")
        == "No criterion beats this baseline; the best of them is ntk: 95.00 ± 0.10 %."
    )
    assert (
        sentences[2] == "That is 2.00 points above magnitude (vanilla DARTS), more than the spread (0.14)."
        and len(sentences) == 3
    )
    assert "no criterion to compare" in write_headline(rows(random=(97, 0.1, 3)))[1]


def test_headline_tie_with_a_baseline():
    text = " ".join(write_headline(rows(ntk=(97, 0.1, 3), magnitude=(97, 0.1, 3), parameters=(97, 0.1, 3))))
    assert (
        text.startswith("ntk, magnitude (vanilla DARTS) and parameters (baseline) reached")
        and "No better than parameters (baseline)" in text
    )


def test_headline_without_baseline_and_with_unequal_seeds():
    sentences = write_headline(rows(ntk=(97, 0.1, 3), magnitude=(96, 0.1, 2)))
    assert (
        "vanilla DARTS" in sentences[1]
        and sentences[2].startswith("Without a baseline")
        and "same number of seeds" in sentences[3]
    )


def test_headline_before_the_end():
    assert write_headline([]) == ["The comparison is not finished yet."]
    assert write_headline(rows(ntk=("", "", 0))) == ["No criterion has been retrained yet."]
