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

    def cells(cell: str, values: Sequence[str]) -> str:
        marks = [' class="chosen"' if head == chosen else "" for head in heads]
        pairs = zip(marks, values, strict=True)
        return "".join(f"<{cell}{mark}>{terms.explained(value)}</{cell}>" for mark, value in pairs)

    body = "".join(
        f'<tr><th scope="row">{terms.explained(name)}</th>{cells("td", values)}</tr>' for name, values in rows.items()
    )
    top = f"<tr><td></td>{cells('th', heads)}</tr>"
    return f'<table class="latent-table" title="{escape(title)}">{top}{body}</table>'
