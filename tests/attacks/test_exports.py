"""Files for spreadsheets: whatever a text holds, no program takes it for a formula."""

import csv
import io

from annotate.formats.encoding import encode_cells
from annotate.views.tables import as_csv
from tests.attacks.corpus import CELLS, TEXTS

# What Excel, LibreOffice and Google Sheets begin a formula with; the wide ones in Japanese.
BEGINS = "=+-@＝＋－＠"


def begins_a_formula(cell: str) -> bool:
    """Look at the first sign that is drawn."""
    seen = [sign for sign in cell if sign.isprintable() and not sign.isspace()]
    return bool(seen) and seen[0] in BEGINS


def test_no_text_of_an_export_begins_a_formula() -> None:
    said = [text for _name, text in TEXTS]
    columns = [f"column {number}" for number in range(len(said))]
    line = encode_cells(dict(zip(columns, said, strict=True)), columns, "x.csv", 1)
    (cells,) = csv.reader(io.StringIO(line.decode(), newline=""), strict=True)
    assert [cell for cell in cells if begins_a_formula(cell)] == []
    # Nothing else is changed, so that a program reads what was written.
    assert [cell.removeprefix("'") for cell in cells] == [each.removeprefix("'") for each in said]


def test_no_name_in_a_table_of_a_page_begins_a_formula() -> None:
    """Candidates name columns as well."""
    answer = as_csv("x", CELLS, [CELLS]).content.decode()
    rows = list(csv.reader(io.StringIO(answer, newline=""), strict=True))
    assert [cell for row in rows for cell in row if begins_a_formula(cell)] == []


def test_formulas_are_found() -> None:
    """The tests above can fail."""
    assert sum(map(begins_a_formula, CELLS)) >= 12
