import json
import math

import numpy as np
import pytest
from scipy import stats

from artimuse.evaluation.metrics import Metric
from artimuse.evaluation.prediction_file import PREDICTIONS, read_predictions, write_predictions
from artimuse.evaluation.predictions import Prediction, check_predictions
from artimuse.evaluation.results import (
    chance_levels,
    compute_metrics,
    recompute,
    results_json,
    write_results,
)
from evaluation.making import choice, pair, score

LABELS = [10.0, 20.0, 30.0, 40.0, 50.0]
SCORES = [12.0, 18.0, 50.0, 35.0, 60.0]


def _rows() -> list[Prediction]:
    rows = [score(f"i{k}", y, x) for k, (y, x) in enumerate(zip(LABELS, SCORES, strict=True))]
    rows += [
        pair("a|b", 0.9, 60.0, 40.0, series="1"),
        pair("a|c", 0.5, 60.0, 30.0, series="1"),
        pair("d|e", 0.2, 60.0, 40.0, series="2"),
    ]
    options = ["A)", "B)", "C)", "D)"]
    return [
        *rows,
        choice("q1", "A)", "A)", options=options),
        choice("q2", "A)", None, options=options),
        choice("q3", "B)", "A)", options=options[:2]),
    ]


def test_metrics_by_hand():
    found = compute_metrics(_rows())
    assert set(found) == {
        "srcc", "plcc", "krcc", "mae", "rmse",
        "pair_accuracy", "pair_f1", "s_acc", "s_srcc", "pair", "series", "choice_accuracy",
    }  # fmt: skip
    assert found["srcc"].value == pytest.approx(0.9, abs=1e-12)
    assert found["plcc"].value == pytest.approx(stats.pearsonr(SCORES, LABELS)[0], abs=1e-9)
    assert found["mae"].value == pytest.approx((2 + 2 + 20 + 5 + 10) / 5)
    assert (found["pair_accuracy"].value, found["pair_accuracy"].n) == (0.5, 2)
    assert found["pair_accuracy"].counts == {"ties": 1}
    assert found["choice_accuracy"].value == pytest.approx(1 / 3)
    assert found["choice_accuracy"].counts == {"unparsed": 1}
    for metric in found.values():
        assert metric.ci95 is not None
        assert metric.ci95[0] <= metric.value <= metric.ci95[1]


def test_kinds_without_rows_have_no_metric():
    assert compute_metrics([]) == {}
    assert list(compute_metrics(_rows()[5:8])) == [
        "pair_accuracy", "pair_f1", "s_acc", "s_srcc", "pair", "series",
    ]  # fmt: skip
    assert compute_metrics([pair("a|b", 0.5, 1.0, 2.0)]) == {}


def test_the_order_of_the_rows_does_not_matter():
    rows = _rows()
    assert compute_metrics(rows[::-1]) == compute_metrics(rows)


def test_other_aspects_and_data_sets_are_not_pooled():
    rows = [score(f"i{k}", y, -y, aspect="color") for k, y in enumerate(LABELS)]
    rows += [score(f"i{k}", y, y, aspect="overall") for k, y in enumerate(LABELS)]
    found = compute_metrics(rows)
    assert found["srcc"].value == pytest.approx(1)
    assert found["srcc/color"].value == pytest.approx(-1)
    rows = [score(f"{s}/{y}", y, y, dataset=s) for s in ("ava", "para") for y in LABELS]
    assert {key for key in compute_metrics(rows) if "srcc" in key} == {"srcc/ava", "srcc/para"}
    assert "srcc" in compute_metrics(rows[:5])


def test_close_pairs_are_the_half_nearest_to_a_tie():
    """Twelve pairs, six of them at .4 or .6 and wrong; the others are right."""
    rows = [
        pair(f"a{k}|b", 0.6 if k % 2 else 0.4, 0.0 if k % 2 else 9.0, 5.0) for k in range(6)
    ] + [pair(f"c{k}|d", 0.9, 9.0, 5.0) for k in range(6)]
    found = compute_metrics(rows)
    assert found["pair_accuracy"].value == 0.5
    assert found["pair_accuracy_close"].value == 0.0
    assert found["pair_accuracy_close"].n == 6
    assert "pair_accuracy_close" not in compute_metrics(rows[3:])
    # .3 and .7 are equally close, though not to the last bit: both are in
    even = [pair(f"a{k}|b", 0.3 if k < 5 else 0.7, 1.0, 0.0) for k in range(10)]
    assert compute_metrics(even)["pair_accuracy_close"].n == 10


def test_the_interval_of_pairs_resamples_series():
    rows = [pair(f"{s}a|{s}{k}", 0.9, 2.0 - s % 2 * 2, 1.0) for s in range(20) for k in range(9)]
    apart = compute_metrics(rows)["pair_accuracy"]
    together = compute_metrics([{**row, "series": row["id"].split("a")[0]} for row in rows])
    assert apart.ci95
    assert together["pair_accuracy"].ci95
    low, high = together["pair_accuracy"].ci95
    assert high - low > 2 * (apart.ci95[1] - apart.ci95[0])


def test_pairs_without_scores_are_ordered_by_the_prediction():
    row: Prediction = {"kind": "pair", "id": "a|b", "label": 0.9, "prediction": 0.51}
    assert compute_metrics([row])["pair_accuracy"].value == 1
    assert compute_metrics([{**row, "prediction": 0.5}])["pair_accuracy"].value == 0


def test_an_answer_off_its_options_is_unparsed():
    found = compute_metrics(
        [choice("q", "A)", "E)", options=["A)", "B)"]), choice("r", "A)", "A)")]
    )
    assert found["choice_accuracy"].value == 0.5
    assert found["choice_accuracy"].counts == {"unparsed": 1}


def test_a_folder_gives_its_metrics_back(tmp_path):
    rows = _rows()
    rows[0]["prediction"] = np.float32(12.3).item()
    write_predictions(tmp_path / PREDICTIONS, rows)
    assert read_predictions(tmp_path / PREDICTIONS) == rows
    results = results_json(
        rows,
        benchmark="demo",
        protocol={"prompt": "plain"},
        n_expected={"score": 5, "pair": 3, "choice": 3},
        baselines={"untrained": {"srcc": Metric(0.1, 5, (-0.1, 0.2))}},
    )
    path = write_results(tmp_path / "deep" / "er", results)
    read = json.loads(path.read_text())
    assert list(read) == [
        "benchmark", "kind", "protocol", "n_expected", "n_scored", "metrics", "published", "baselines",
    ]  # fmt: skip
    assert read["n_scored"] == {"score": 5, "pair": 3, "choice": 3}
    assert read["metrics"] == {key: m.as_json() for key, m in recompute(tmp_path).items()}
    assert read["baselines"]["untrained"]["srcc"] == {"value": 0.1, "ci95": [-0.1, 0.2], "n": 5}
    assert [file.name for file in path.parent.iterdir()] == ["results.json"]


def test_fewer_than_expected_is_an_error_unless_allowed_by_name():
    arguments = {"benchmark": "demo", "protocol": {}}
    expected = {"score": 6, "pair": 3, "choice": 3}
    with pytest.raises(ValueError, match=r"demo: .*missing: \{'score': 1\}"):
        results_json(_rows(), n_expected=expected, **arguments)
    results = results_json(_rows(), n_expected=expected, allow_missing=True, **arguments)
    assert (results["n_expected"]["score"], results["n_scored"]["score"]) == (6, 5)
    with pytest.raises(ValueError, match="expected 2 pair rows, found 3"):
        results_json(_rows(), n_expected={**expected, "pair": 2}, allow_missing=True, **arguments)
    with pytest.raises(ValueError, match="expected 0 choice rows, found 3"):
        results_json(_rows(), n_expected={"score": 5, "pair": 3}, **arguments)
    with pytest.raises(ValueError, match="found \\['scores'\\]"):
        results_json(_rows(), n_expected={"scores": 5}, **arguments)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (score("i0", 1.0, 2.0), "'i0' is there twice"),
        (score("x", 1.0, None), "'x': expected a finite prediction, found None"),
        (score("x", 1.0, math.nan), "found nan"),
        (score("x", 101.0, 1.0), "label on 0-100, found 101.0"),
        (score("x", True, 1.0), "found True"),
        (pair("x", 0.3, 1.0, 2.0), "first|second"),
        (pair("x|y", 1.2, 1.0, 2.0), "'x|y': expected as label"),
        (pair("x|y", 0.2, 1.0, 2.0, scores=[1.0, math.inf]), "two finite numbers"),
        (choice("x", "E)", None, options=["A)"]), "none of the options"),
        (choice("x", "A)", 3), "expected strings"),
        ({"kind": "order", "id": "x"}, "expected a kind"),
        ({"kind": "score"}, "expected a kind"),
    ],
)
def test_bad_rows_are_refused(row, message):
    check_predictions(_rows())
    with pytest.raises(ValueError, match=message.replace("|", r"\|")):
        check_predictions([*_rows(), row])


def test_one_id_may_have_several_kinds_and_aspects():
    check_predictions([score("x", 1, 2), score("x", 1, 2, aspect="color"), choice("x", "A)", "A)")])


def test_numpy_numbers_are_numbers_and_a_nan_does_not_lose_the_file(tmp_path):
    rows = [score("x", np.float32(1.5), np.float64(math.nan))]
    write_predictions(tmp_path / PREDICTIONS, rows)
    with pytest.raises(ValueError, match=r"predictions\.jsonl: score 'x': .*nan"):
        recompute(tmp_path)
    check_predictions([score("x", np.float32(1.5), np.float32(2.5))])


def test_a_broken_file_is_an_error_with_its_line(tmp_path):
    path = tmp_path / PREDICTIONS
    path.write_text('{"kind": "choice", "id": "q", "label": "A)", "prediction": null}\n{"kind": ')
    with pytest.raises(ValueError, match=r"predictions\.jsonl:2: expected a JSON object"):
        read_predictions(path)
    path.write_text("[]\n")
    with pytest.raises(ValueError, match=r"predictions\.jsonl:1: expected a JSON object"):
        read_predictions(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / PREDICTIONS
    write_predictions(path, _rows())
    before = path.read_bytes()
    with pytest.raises(TypeError, match="expected JSON values"):
        write_predictions(path, [score("x", 1.0, object())])
    assert path.read_bytes() == before


def test_chance_of_choices_is_one_over_their_options():
    assert chance_levels(_rows())["choice_accuracy"] == pytest.approx((1 / 4 + 1 / 4 + 1 / 2) / 3)
    assert "choice_accuracy" not in chance_levels([*_rows(), choice("q9", "A)", "A)")])
    assert chance_levels([]) == {"srcc": 0.0, "plcc": 0.0, "pair_accuracy": 0.5}
