import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from app import figures
from app.figures.wrong_labels import (
    MAX_MARKS,
    Ranking,
    marked_rows,
    rank_wrong_labels,
    read_wrong_labels,
)
from bikd_core.config import RunConfig
from bikd_core.data.label_noise import planned_labels
from bikd_core.evaluation import head_to_tail
from tests import made_up

CONFIG = RunConfig.from_flat(
    {"over": "prior_kd", "weight_scale": "relative", "epochs": 3, "label_noise": 0.3}
)


@pytest.fixture
def draws():
    return np.random.default_rng(0)


@pytest.mark.parametrize("decimals", [1, 8])  # with ties and without
def test_the_share_and_its_p_value_are_those_of_scipy_and_scikit_learn(draws, decimals):
    is_wrong = draws.random(200) < 0.3
    values = np.round(draws.normal(size=200) - 0.4 * is_wrong, decimals)
    found = rank_wrong_labels(values, is_wrong)
    assert found.share == pytest.approx(roc_auc_score(~is_wrong, values))
    test = mannwhitneyu(
        values[~is_wrong], values[is_wrong], method="asymptotic", use_continuity=False
    )
    assert found.p == pytest.approx(test.pvalue)


def test_within_labels_only_pairs_of_one_label_count(draws):
    labels = np.repeat([0, 1, 2], [60, 50, 5])
    is_wrong = (draws.random(115) < 0.4) & (labels < 2)
    values = draws.normal(size=115) + 5 * labels - is_wrong
    found = rank_wrong_labels(values, is_wrong, labels)
    num_pairs = larger = 0
    for label in (0, 1):
        right, wrong = (values[(labels == label) & (is_wrong == which)] for which in (False, True))
        larger += (right[:, None] > wrong).sum()
        num_pairs += len(right) * len(wrong)
    assert found.share == pytest.approx(larger / num_pairs)
    assert found.is_clear


def test_chance_alone_is_found_clear_in_one_of_twenty(draws):
    labels = np.repeat([0, 1, 2], [60, 50, 5])
    found = []
    for _ in range(1000):
        is_wrong = np.zeros(115, dtype=bool)
        is_wrong[draws.choice(115, 30, replace=False)] = True
        found.append(rank_wrong_labels(draws.normal(size=115), is_wrong, labels).is_clear)
    assert np.mean(found) == pytest.approx(0.05, abs=0.02)


def test_equal_weights_and_a_lack_of_pairs_claim_nothing():
    is_wrong = np.array([True, False] * 10)
    assert rank_wrong_labels(np.ones(20), is_wrong) == Ranking(0.5, 1.0)
    assert rank_wrong_labels(np.ones(20), np.ones(20, dtype=bool)) is None
    assert rank_wrong_labels(np.arange(20.0), is_wrong, is_wrong.astype(int)) is None


def panel_with(num_wrong, num_right=60, label=0):
    labels = np.full(num_wrong + num_right, label)
    true = labels.copy()
    true[:num_wrong] = 1
    return made_up.panel(labels, true_labels=true)


def test_a_sentence_says_which_way_a_weight_ranks_them():
    panel = panel_with(20)
    rising, falling = np.linspace(0, 1, 80), np.linspace(1, 0, 80)
    assert read_wrong_labels(rising, panel, "hard") == (
        "20 of 80 pictures have a planted wrong label (✕). w_hard ranks them lower: a right label "
        "has the larger weight in 100 % of pairs, p < 0.001 (50 % is chance); among pictures with "
        "the same label in 100 % of pairs, p < 0.001."
    )
    assert "w_soft ranks them higher: a right label has the larger weight in 0 % of pairs" in (
        read_wrong_labels(falling, panel, "soft")
    )


def test_nothing_is_claimed_without_a_clear_difference_or_with_too_few():
    words = read_wrong_labels(np.ones(80), panel_with(20), "hard")
    assert "w_hard does not tell them from right ones" in words
    assert "no clear difference among pictures with the same label (50 % of pairs, p = 1)" in words
    assert read_wrong_labels(np.arange(67.0), panel_with(7), "hard") == (
        "7 of 67 pictures have a planted wrong label (✕): too few to say how w_hard ranks them."
    )
    assert read_wrong_labels(np.arange(61.0), panel_with(1), "soft") == (
        "1 of 61 picture has a planted wrong label (✕): too few to say how w_soft ranks them."
    )
    assert read_wrong_labels(np.arange(5.0), made_up.panel(), "hard") == ""


def test_class_balance_alone_is_not_taken_for_a_ranking_of_pictures(draws):
    labels = np.repeat([0, 1], 100)
    true = labels.copy()
    true[:5], true[100:150] = 1, 0  # most wrong labels are in the class that gets more weight
    panel = made_up.panel(labels, true_labels=true)
    words = read_wrong_labels(draws.normal(size=200) + 9 * labels, panel, "hard")
    assert "ranks them higher" in words
    assert "no clear difference among pictures with the same label" in words


def test_of_very_many_wrong_labels_an_even_part_is_marked():
    panel = panel_with(2 * MAX_MARKS + 1, 2000)
    assert len(marked_rows(panel)) <= MAX_MARKS
    assert f"(✕, {len(marked_rows(panel))} of them drawn)" in (
        read_wrong_labels(np.arange(float(len(panel.labels))), panel, "hard")
    )


@pytest.mark.parametrize("by_class", [True, False])
def test_crosses_stand_at_the_weights_on_the_rows_of_the_labels(by_class):
    epoch, panel = made_up.epoch_done(3, CONFIG), made_up.panel_of(CONFIG)
    frame = made_up.frame_of(CONFIG, epoch)
    drawing = figures.weight_distribution(
        frame.histograms,
        epoch,
        made_up.started(CONFIG),
        "hard",
        by_class=by_class,
        scale="relative",
        panel=panel,
        weights=frame.weights,
    )
    [marks] = [trace for trace in drawing.data if trace["uid"] == "wrong-labels"]
    rows = np.flatnonzero(panel.is_wrong)
    assert marks["customdata"] == rows.tolist()
    third = np.repeat([0, 1, 2], (3, 4, 3))
    at = panel.labels[rows] if by_class else third[panel.labels[rows]]
    assert marks["y"] == (-at).tolist()
    np.testing.assert_allclose(marks["x"], frame.weights[rows, 0], rtol=0.01)
    assert marks["text"][0] == (
        f"planted wrong label: {panel.labels[rows[0]]}, truly {panel.true_labels[rows[0]]}"
    )
    assert "w_hard ranks them lower" in drawing.sentence
    assert "w_hard ranks them lower" in drawing.alt


def test_without_label_noise_nothing_is_marked():
    clean = CONFIG.changed(label_noise=0)
    epoch = made_up.epoch_done(3, clean)
    frame = made_up.frame_of(clean, epoch)
    args = (frame.histograms, epoch, made_up.started(clean), "hard")
    with_panel = figures.weight_distribution(
        *args, scale="relative", panel=made_up.panel_of(clean), weights=frame.weights
    )
    assert with_panel == figures.weight_distribution(*args, scale="relative")


def test_counts_say_how_many_labels_are_wrong_in_each_class():
    labels = planned_labels(CONFIG.data)
    names = tuple("abcdefghij")
    started = made_up.started(CONFIG)
    drawing = figures.class_counts(names, started.class_counts, labels.counts, labels.wrong_counts)
    bars, outlined = drawing.data
    assert bars["y"] == list(started.class_counts)
    assert outlined["y"] == list(labels.counts)
    for label, words in enumerate(outlined["customdata"]):
        assert words == (
            f"{names[label]}: {labels.wrong_counts[label]} wrong of {labels.counts[label]} "
            "with this label"
        )
    assert f"{sum(labels.wrong_counts)} labels are wrong" in drawing.sentence


def test_with_many_classes_crosses_stand_on_the_lines_of_the_heat_map():
    config = CONFIG.changed(dataset="cifar100")
    epoch, panel = made_up.epoch_done(3, config), made_up.panel_of(config)
    frame = made_up.frame_of(config, epoch)
    drawing = figures.weight_distribution(
        frame.histograms,
        epoch,
        made_up.started(config),
        "hard",
        scale="relative",
        panel=panel,
        weights=frame.weights,
    )
    heat, marks = drawing.data
    assert heat["type"] == "heatmap"
    assert len(marks["x"]) <= MAX_MARKS
    assert marks["y"] == (-panel.labels[marks["customdata"]]).tolist()


def test_means_over_images_and_log_priors_count_the_labels_as_given():
    config = CONFIG.changed(class_shifts="each")
    started, epochs = made_up.started(config), [made_up.epoch_done(n, config) for n in (1, 2, 3)]
    factor = figures.mean_factor(epochs, started, 3, 3, "relative")
    assert factor.data[0]["y"] == pytest.approx([1, 1, 1])  # the made-up weights' mean
    shifts = figures.class_shifts(epochs, started, 3)
    [diamonds] = [trace for trace in shifts.data if trace["uid"] == "log-prior"]
    log_shares = np.log(started.label_counts)
    in_rows = log_shares[list(head_to_tail(started.class_counts))]
    np.testing.assert_allclose(diamonds["x"], in_rows - log_shares.mean(), atol=1e-3)
