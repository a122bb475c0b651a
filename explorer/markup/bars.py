"""Quantities as HTML: an equation whose terms are numbers, and the same terms as lengths of one bar.

terms     log p(x)  -  gap  =  ELBO  =  reconstruction  -  KL
total     gap  =  approximation  +  amortization
bar       |  reconstruction                                          |  KL  |      both rows are equally long,
          |  -log p(x)    |  approximation      |  amortization             |      for each of them is -elbo
"""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from explorer.markup import terms

NATS = {"nats": 1.0, "bits": math.log(2)}  # in one of the unit
TICKS = 10  # at most, along a bar
LETTER = 0.0066  # the share of a bar that a letter of its labels takes, on a narrow page


class Part(NamedTuple):
    """A quantity with its name, the kind that gives it its colour in the style sheet, and its term in the glossary."""

    name: str
    nats: float
    kind: str = ""
    term: str = ""


def number(nats: float, unit: str, decimals: int = 2) -> str:
    """A number of nats in a unit, with a proper minus sign: "−495.43".

    Args:
        nats: The number.
        unit: "nats" or "bits".
        decimals: How many.
    """
    text = f"{nats / NATS[unit]:,.{decimals}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.replace("-", "")


def equation(terms: Sequence[tuple[str, Part, str]], unit: str) -> str:
    """Terms side by side, each after its operator and over a note.

    Args:
        terms: Operators, quantities and notes.
        unit: "nats" or "bits".
    """
    cells = [
        f'<div class="latent-term">{_swatch(part.kind)}{_name(part)}<strong><span>{operator}</span>'
        f"{number(part.nats, unit)}</strong><small>{escape(note)}</small></div>"
        for operator, part, note in terms
    ]
    return f'<div class="latent-terms">{"".join(cells)}</div>'


def total(whole: Part, parts: Sequence[tuple[Part, str]], unit: str) -> str:
    """A quantity as the sum of its parts, each with what it is in parentheses, in one line.

    Args:
        whole: The sum.
        parts: Quantities, and a sentence on each.
        unit: "nats" or "bits".
    """
    summands = " + ".join(
        f"<strong>{number(part.nats, unit)}</strong> ({_swatch(part.kind)}{_name(part)}: {escape(said)})"
        for part, said in parts
    )
    value = f"{_name(whole)} <strong>{number(whole.nats, unit)}</strong>"
    return f'<div class="latent-said latent-total">{value} = {summands}</div>'


def bar(cuts: Sequence[Sequence[Part]], start: Part, unit: str) -> str:
    """One bar to scale over an axis, split in a different way in each row.

    The first part of each row ends at its own value and the others add theirs, so that all rows end at the same place.

    Args:
        cuts: The parts of each row.
        start: Where the bar begins.
        unit: "nats" or "bits".
    """
    end = max(sum(part.nats for part in row) for row in cuts)
    length = max(end - start.nats, 1e-9)
    rows = ""
    for first, *rest in cuts:
        pieces = [_piece(first, (first.nats - start.nats) / length, unit)]
        pieces += [_piece(part, part.nats / length, unit) for part in rest]
        rows += f'<div class="latent-cut">{"".join(pieces)}</div>'
    marks = "".join(
        f'<span style="left: {100 * (tick - start.nats) / length:.3f}%">{number(tick, unit, 0)}</span>'
        for tick in (NATS[unit] * each for each in ticks(start.nats / NATS[unit], end / NATS[unit]))
    )
    said = "; ".join(" + ".join(f"{part.name} {number(part.nats, unit)}" for part in row) for row in cuts)
    axis = f"<i>{escape(start.name)} {number(start.nats, unit)}</i>{marks}<em>{unit}</em>"
    return (
        f'<div class="latent-stack" role="img" aria-label="{escape(said)} {unit}">{rows}'
        f'<div class="latent-ticks">{axis}</div></div>'
    )


def ticks(low: float, high: float) -> list[float]:
    """At most TICKS round numbers of a range, at steps of 1, 2 or 5 times a power of ten.

    Args:
        low: The least of the range; the first tick is at least one step above it.
        high: The most of the range; there the name of the unit stands.
    """
    if not 0 < high - low < math.inf:
        return []
    power = 10 ** max(math.floor(math.log10((high - low) / TICKS)), 0)
    step = next(step for step in (1, 2, 5, 10) if (high - low) / (step * power) < TICKS) * power
    last = high - 0.05 * (high - low)  # there is the name of the unit
    return [i * step for i in range(math.floor(low / step) + 2, math.floor(last / step) + 1)]


def _name(part: Part) -> str:
    return terms.term(part.term, part.name) if part.term else escape(part.name)


def _swatch(kind: str) -> str:
    return f'<span class="latent-swatch latent-part-{kind}"></span>' if kind else ""


def _piece(part: Part, share: float, unit: str) -> str:
    value = number(part.nats, unit)
    room = share / LETTER
    name = escape(part.name) if len(part.name) + len(value) + 1 < room else ""
    words = f"{name} <b>{value}</b>" if len(value) < room else ""
    title = escape(f"{part.name}: {value} {unit}")
    style = f'style="width: {100 * share:.3f}%" title="{title}"'
    return f'<span class="latent-part-{part.kind}" {style}>{words}</span>'
