from artimuse.evaluation.metrics import Metric
from artimuse.evaluation.table import table

UNTRAINED = {
    "srcc": Metric(-0.0214, 200, (-0.16, 0.118)),
    "plcc": Metric(-0.0001, 200, (-0.1, 0.1)),
    "pair_accuracy": Metric(0.483, 300, (0.43, 0.537)),
}
PIXELS = {"srcc": Metric(0.5, 200, (0.391, 0.596)), "plcc": Metric(0.45, 200, (0.35, 0.55))}
TRAINED = {
    "srcc": Metric(0.771, 200, (0.702, 0.826)),
    "plcc": Metric(0.78, 200, (0.71, 0.83)),
    "mae": Metric(8.0, 200, (7.0, 9.0)),
    "pair_accuracy": Metric(0.743, 300, (0.697, 0.79)),
}
SYSTEMS = {"untrained": UNTRAINED, "pixel statistics": PIXELS, "trained": TRAINED}


def test_the_table_to_the_letter():
    chance = {"srcc": 0.0, "plcc": 0.0, "pair_accuracy": 0.5, "choice_accuracy": 0.25}
    expected = """
                   SRCC                   PLCC                   pair accuracy
                   n=200                  n=200                  n=300
chance             0.000                  0.000                  0.500
untrained         -0.021 [-0.160, 0.118]  0.000 [-0.100, 0.100]  0.483 [0.430, 0.537]
pixel statistics   0.500 [0.391, 0.596]   0.450 [0.350, 0.550]   -
trained            0.771 [0.702, 0.826]   0.780 [0.710, 0.830]   0.743 [0.697, 0.790]
[low, high]: 95 % percentile bootstrap (pairs by series)
"""
    assert table(SYSTEMS, chance=chance) == expected.strip("\n")


def test_columns_that_differ_in_n_say_so_in_their_cells():
    text = table({"a": {"srcc": Metric(0.5, 20, (0.1, 0.9))}, "b": {"srcc": Metric(0.5, 19)}})
    assert "n differs" in text
    assert "0.500 [0.100, 0.900] n=20" in text
    assert "0.500 n=19" in text
    assert "chance" not in text


def test_choices_have_their_chance():
    text = table({"a": {"choice_accuracy": Metric(0.4, 9)}}, chance={"choice_accuracy": 0.25})
    assert "choice accuracy" in text
    assert "chance  0.250" in text
    assert "-" not in text.splitlines()[2]
