"""Random classes and downloaded gradebooks: no mark ever goes into another person's row."""

from __future__ import annotations

import csv
import io

from exported import write_marks
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.classroom.people.students import Person
from grader.cli import main

NAMES = st.sampled_from(["Ann Alder", "Alder, Ann", "Max Miller", "Zoë Ng", "李 小龙", "Eva"])


@st.composite
def downloads(draw):  # type: ignore[no-untyped-def]
    """Draw people with marks, their rows in a downloaded gradebook, and the form of the file."""
    count = draw(st.integers(1, 5))
    kinds = draw(st.lists(st.sampled_from(["canvas", "sis", "login"]), min_size=1, unique=True))
    people = [
        Person(
            key=f"k{n}",
            name=draw(NAMES),
            ids={kind: f"{n}" for kind in kinds if kind == kinds[0] or draw(st.booleans())},
        )
        for n in range(count)
    ]
    rows = [(n, draw(NAMES)) for n in draw(st.permutations(range(count + 2)))]
    columns = {"canvas": "ID", "sis": "SIS User ID", "login": "SIS Login ID"}
    order = draw(st.permutations(list(columns)))
    others = draw(st.lists(st.sampled_from(["Other (1)", "HW2 (56)", "Current Score"]), unique=True))
    header = [*(columns[kind] for kind in order), "Section"]
    titles = draw(st.permutations(["HW (55)", *others]))
    table = [["Student", *header, *titles]]
    for n, name in rows:
        known = {kind: str(n) if kind in kinds else "" for kind in columns}
        table.append([name, *(known[kind] for kind in order), "S1", *("" for _ in titles)])
    delimiter = draw(st.sampled_from(",;\t"))
    text = io.StringIO()
    line_end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(table)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    points = draw(st.lists(st.integers(0, 100), min_size=count, max_size=count))
    return people, points, [n for n, _ in rows], text.getvalue().encode(encoding), delimiter


@settings(max_examples=25, deadline=None)
@given(downloads())
def test_each_row_gets_the_mark_of_the_person_with_its_identifier(tmp_path_factory, drawn):
    """Whatever the order of rows and columns, the delimiter, the encoding, and whoever shares a name."""
    people, points, rows, theirs, delimiter = drawn
    folder = tmp_path_factory.mktemp("class")
    keys = [person.key for person in people]
    out = write_marks(folder / "out", dict(zip(keys, points, strict=True)), people)
    table, target = folder / "theirs.csv", folder / "filled.csv"
    table.write_bytes(theirs)
    options = ["--theirs", str(table), "--to", str(target), "--assignment", "HW", "--confirm-names"]
    assert main(["export", "--format", "canvas", "--out", str(out), *options]) == 0
    with target.open(newline="") as file:
        filled = list(csv.reader(file, delimiter=delimiter))
    expected = [str(points[n]) if n < len(people) else "" for n in rows]
    assert [row[-1] for row in filled[1:]] == expected
