from contextlib import closing
from pathlib import Path

import pytest

from artimuse.evaluation.prediction_file import PREDICTIONS, Appended, read_predictions
from evaluation.making import score

ROWS = [score(f"i{k}", 1.0, 2.0) for k in range(3)]


def test_rows_are_there_as_soon_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / PREDICTIONS
    with closing(Appended(path)) as file:
        file.write(ROWS[:2])
        assert read_predictions(path) == ROWS[:2]


def test_a_row_that_was_cut_off_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / PREDICTIONS
    with closing(Appended(path)) as file:
        file.write(ROWS)
    whole = path.read_bytes()
    for kept in (len(whole) - 1, len(whole) - 9):
        path.write_bytes(whole[:kept])
        with closing(Appended(path)) as file:
            assert file.rows == ROWS[:2]
            # What is left of it is gone at once: the next row may be a shorter one.
            assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:2])
            file.write(ROWS[2:])
        assert path.read_bytes() == whole


def test_a_damaged_line_is_an_error_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / PREDICTIONS
    path.write_text('{"kind": "score"\n{}\n')
    with pytest.raises(ValueError, match=r"predictions\.jsonl:1: expected a JSON object"):
        Appended(path)
    assert path.read_text() == '{"kind": "score"\n{}\n'
