"""Tables of numbers as HTML."""

from collections.abc import Mapping, Sequence
from html import escape

from explorer.markup import terms


def table(heads: Sequence[str], rows: Mapping[str, Sequence[str]], chosen: str, title: str) -> str:
    """A table of numbers as HTML.

    Args:
        heads: Those of the columns.
        rows: The values of each row, by its name.
        chosen: The head of the column that stands out.
        title: What the table shows, for the pointer and for screen readers.
    """

    def row(cell: str, name: str, values: Sequence[str]) -> str:
        marks = [' class="chosen"' if head == chosen else "" for head in heads]
        cells = [f"<{cell}{mark}>{terms.explained(value)}</{cell}>" for mark, value in zip(marks, values, strict=True)]
        return f'<tr><th scope="row">{terms.explained(name)}</th>{"".join(cells)}</tr>'

    body = "".join(row("td", name, values) for name, values in rows.items())
    return f'<table class="latent-table" title="{escape(title)}">{row("th", "", heads)}{body}</table>'
