"""CSV files in every form that learning platforms and spreadsheets save."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.classroom.rosters.tables import Table, number, read_table
from grader.errors import UsageError


def table(tmp_path: Path, text: str | bytes) -> Table:
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "mac-roman"]
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_encoding_line_end_and_delimiter(
    tmp_path: Path, encoding: str, line_end: str, delimiter: str
) -> None:
    rows = [
        ("name", "town"),
        ("Zoë Ödegård", "Köln"),
        ("François Muñoz", "São Luís"),
        ("Jürgen Groß", "Århus"),
    ]
    text = "".join(delimiter.join(row) + line_end for row in rows)
    found = table(tmp_path, text.encode(encoding))
    assert (found.header, found.rows) == (rows[0], tuple(rows[1:]))
    assert found.delimiter == delimiter


@pytest.mark.parametrize("name", ["Zoë", "Jürgen", "François", "Muñoz", "Ångström", "Groß", "Père"])
@pytest.mark.parametrize("encoding", ["cp1252", "mac-roman"])
def test_one_letter_is_enough_to_tell_windows_from_mac(tmp_path: Path, name: str, encoding: str) -> None:
    assert table(tmp_path, f"name,a\n{name},1\n".encode(encoding)).rows == ((name, "1"),)


def test_quotes_and_dashes_of_windows_are_read(tmp_path: Path) -> None:
    text = "name,note\nO’Neil,Smith–Jones\n“Bo”,10 €\n"
    assert table(tmp_path, text.encode("cp1252")).rows == (("O’Neil", "Smith–Jones"), ("“Bo”", "10 €"))


@pytest.mark.parametrize("start", ["sep=;\r\n", '"sep=;"\n', "\ufeffSep=;\r"])
def test_a_line_that_names_the_delimiter_is_no_header(tmp_path: Path, start: str) -> None:
    found = table(tmp_path, f"{start}a;b,c,d\n1;2\n")
    assert (found.header, found.rows) == (("a", "b,c,d"), (("1", "2"),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b;c,d", ","),
        ("a;b;c", ";"),
        ("a;b\n1,2,3,4", ";"),
        ("a;b, c, d, e;f\n1;2;3\n4;5;6\n", ";"),  # a title with commas
        ('"a\n;;;;",b\n1,2\n', ","),  # a title with a line break
        ("a;b\n10,00;20,00\n1,5;2,5\n", ";"),  # decimal commas
        ('a, "b;c;d", e\n1, "2;3;4", 5\n', ","),
    ],
)
def test_the_delimiter_is_read_off_all_rows(tmp_path: Path, text: str, expected: str) -> None:
    assert table(tmp_path, text).delimiter == expected


def test_a_table_of_one_column_keeps_commas_in_its_cells(tmp_path: Path) -> None:
    assert table(tmp_path, "name\nAlder, Ada\nBirch, Ben\n").rows == (("Alder, Ada",), ("Birch, Ben",))


def test_quoted_cells_keep_line_ends_quotes_and_delimiters(tmp_path: Path) -> None:
    found = table(tmp_path, '"HW 3, ""part 1""\r\n(5)",b\r\n"1\n2",3\r\n')
    assert (found.header, found.rows) == (('HW 3, "part 1"\r\n(5)', "b"), (("1\n2", "3"),))


def test_short_rows_are_filled_up_and_blank_ones_left_out(tmp_path: Path) -> None:
    found = table(tmp_path, "\n,,\na,b,c\n1\n\n , ,\n1,2,3,,\n")
    assert (found.header, found.rows, found.lines) == (
        ("a", "b", "c"),
        (("1", "", ""), ("1", "2", "3")),
        (4, 7),
    )


@pytest.mark.parametrize(
    ("delimiter", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")]
)
def test_a_row_wider_than_the_header_is_refused_with_its_line(
    tmp_path: Path, delimiter: str, word: str
) -> None:
    text = "name,login\nAda,ada1\nBirch, Ben,ben1\n".replace(",", delimiter)
    with pytest.raises(
        UsageError, match=rf"table.csv, line 3: 3 cells below 2 columns, perhaps a {word} in a"
    ):
        table(tmp_path, text)


@pytest.mark.parametrize("text", ['name,a\n"Ada,1\nBen,2\n', '"Ada\nBen\n', b'name\n\x00\r\x01,\r\r"\x02\n'])
def test_a_quote_that_is_never_closed_swallows_no_rows(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(UsageError, match=r"table.csv cannot be read as a CSV file \("):
        table(tmp_path, text)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"PK\x03\x04...", "an Excel workbook or a zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1", "an Excel workbook"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b'{"cells": []}', "a JSON file"),
    ],
)
def test_other_kinds_of_files_are_named(tmp_path: Path, data: bytes, kind: str) -> None:
    with pytest.raises(UsageError, match=f"table.csv is {kind}, not a CSV file; save or download the table"):
        table(tmp_path, data)


def test_an_empty_file_is_a_table_without_columns(tmp_path: Path) -> None:
    assert (table(tmp_path, "").header, table(tmp_path, "\ufeff\n").columns) == ((), "none")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("10.00", 10),
        ("10,5", 10.5),
        ("1,234.56", 1234.56),
        ("1.234,56", 1234.56),
        ("1’234.5", 1234.5),
        ("1 234,5", 1234.5),
        ("-3", -3),
        (".5", 0.5),
        *((text, None) for text in ("", "-", "EX", "nan", "1e5", ",", "(read only)", "B+")),
    ],
)
def test_numbers_are_read_as_canvas_reads_them(text: str, value: float | None) -> None:
    assert number(text) == value
