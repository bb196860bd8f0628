"""Reading rows from text."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from refdata.files import BrokenFile, chunks, rows_of_csv, rows_of_file, rows_of_json, rows_of_ndjson
from refdata.services import Unreadable


class TestCsv:
    def test_gives_trimmed_cells_and_none_for_empty_ones(self) -> None:
        data = b"\xef\xbb\xbfcode, name,lei\r\nA, Alpha ,\r\n\r\n"

        assert rows_of_csv(data) == [{"code": "A", "name": "Alpha", "lei": None}]

    def test_keeps_commas_quotes_and_line_ends_in_quotes(self) -> None:
        data = b'code,name\nA,"Smith, ""Bob""\nand Sons"\n'

        assert rows_of_csv(data) == [{"code": "A", "name": 'Smith, "Bob"\nand Sons'}]

    def test_marks_a_line_with_other_cells_than_its_header(self) -> None:
        rows = rows_of_csv(b"code,name\nA\nB,Beta,x\nC,Gamma\n")

        assert rows == [
            Unreadable("1 cells under a header of 2."),
            Unreadable("3 cells under a header of 2."),
            {"code": "C", "name": "Gamma"},
        ]

    @pytest.mark.parametrize(
        "data", [b"", b"code,code\n", b"code,\nA,B\n", b"code\n\xff\n", b'code\n"A"B\n', b'code\n"A\n']
    )
    def test_that_is_broken_is_refused(self, data: bytes) -> None:
        with pytest.raises(BrokenFile):
            rows_of_csv(data)


class TestJson:
    @pytest.mark.parametrize("data", [b'{"items": [{"rate": 0.10}]}', b'[{"rate": 0.10}]'])
    def test_keeps_decimals_exact(self, data: bytes) -> None:
        (row,) = rows_of_json(data)

        assert row == {"rate": Decimal("0.10")}
        assert str(row["rate"]) == "0.10"

    @pytest.mark.parametrize("data", [b"", b"{", b"3", b'{"rows": []}', b'{"items": 3}', b"[" * 5_000])
    def test_that_has_no_rows_is_refused(self, data: bytes) -> None:
        with pytest.raises(BrokenFile):
            rows_of_json(data)


class TestNdjson:
    def test_marks_a_broken_line_and_goes_on(self) -> None:
        first, broken, last = rows_of_ndjson(b'{"a": 1.5}\n\n{"a"\n{"a": "x"}\n')

        assert (first, last) == ({"a": Decimal("1.5")}, {"a": "x"})
        assert isinstance(broken, Unreadable)


class TestAFile:
    def test_is_read_by_its_suffix(self, tmp_path: Path) -> None:
        for name, text in (
            ("a.csv", "code\nA\n"),
            ("a.json", '[{"code": "A"}]'),
            ("a.ndjson", '{"code": "A"}'),
        ):
            path = tmp_path / name
            path.write_text(text)

            assert rows_of_file(path) == [{"code": "A"}]

    def test_of_another_suffix_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BrokenFile):
            rows_of_file(tmp_path / "a.xlsx")


def test_chunks_keep_order_and_lose_nothing() -> None:
    assert list(chunks([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
