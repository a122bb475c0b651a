"""Finds the ink of the one digit in a picture, whatever else the picture shows.

    rules   thin straight lines from one side to the other: painted over with what lies on both sides of them
    sheet   the large light (or dark) region with straight edges that holds other things: what lies around it (a frame,
            the edge of a scanner, a desk) is no ink; if there is none, the sheet is the whole picture
    paper   the most frequent grey of the sheet if it has one, otherwise the smooth surface through most of its greys
    ink     how far a pixel is from the paper towards the pen, whichever of the two is the darker
    digit   the heaviest piece, and the pieces that are heavy enough, for their distance from it, to belong to it

`Ink` tells whether anything heavy was left out, and whether what is left may not be a digit.
"""

from typing import NamedTuple, cast

import numpy as np
from scipy import ndimage, spatial

LEAST_CONTRAST = 24  # grey levels between paper and pen, below which what is read is doubtful
FAINT_INK = 0.15  # of the peak: weaker ink does not count when the digit and its box are decided

_MOST_PIXELS = 600  # along the longer side of the picture that is analysed
_LEAST_VISIBLE = 3  # grey levels: smaller differences are invisible, even on paper without noise
_RULE_THICKNESS = 0.03  # at most, as a share of a picture's longer side
_BLOCKS = 64  # across a picture, in which a rule is followed
_RULE_TILTS = np.arange(-40, 41) / 1000  # height per length
_MOST_HULL_FILLED = 0.82  # by a digit: a disc with a digit in it fills more of its hull
_LEAST_PIECE = 0.02  # of the weight of the heaviest piece: a lighter piece is ignored
_NEIGHBOURS = np.ones((3, 3))


class Ink(NamedTuple):
    """The ink of a digit, and what may be wrong about it."""

    values: np.ndarray  # (H, W) float from 0 on
    alone: bool  # the picture shows nothing heavy beside it
    clear: bool  # it stands out from its paper, is made of strokes, and its pieces plainly belong together


class _Sheet(NamedTuple):
    inside: np.ndarray  # (H, W) bool
    light: bool | None  # whether it is the light side of the picture's greys; None where neither side is a sheet


def digit_ink(image: np.ndarray) -> Ink:
    """The ink of the digit in a grey picture (H, W) uint8; raises ValueError where there is none."""
    grey, rules = _shrunk(image.astype(np.float64)), 0
    sheet = _sheet(grey, broad=True)
    if sheet.inside.all():
        grey, rules = _without_rules(grey)
        sheet = _sheet(grey, broad=False)
    around = not sheet.inside.all()
    if around:
        rows, columns = ndimage.find_objects(sheet.inside.astype(int))[0]
        grey, sheet = grey[rows, columns], sheet._replace(inside=sheet.inside[rows, columns])
        grey, more = _without_rules(np.where(sheet.inside, grey, np.median(grey[sheet.inside])))
        rules += more
    away = _away_from_paper(grey, sheet)
    sides = [away, -away] if sheet.light is None else [-away if sheet.light else away]
    ink = max((_digit(side, sheet.inside) for side in sides), key=lambda ink: ink.values.sum())
    if not ink.values.any():
        raise ValueError("the image is empty: it shows nothing that stands out from its paper")
    return ink._replace(alone=ink.alone and not rules and not around)


def _shrunk(grey: np.ndarray) -> np.ndarray:
    """A picture whose longer side has at most _MOST_PIXELS pixels, each the mean of a square of the original."""
    by = -(-max(grey.shape) // _MOST_PIXELS)
    height, width = (-(-length // by) for length in grey.shape)
    room = [(0, height * by - grey.shape[0]), (0, width * by - grey.shape[1])]
    return np.pad(grey, room, mode="edge").reshape(height, by, width, by).mean(axis=(1, 3))


# Rules


def _without_rules(grey: np.ndarray) -> tuple[np.ndarray, int]:
    """A picture without the lines that cross it, and how many there were; a single line alone in it stays."""
    if min(grey.shape) < 8:
        return grey, 0
    upright, rows = _without_rows(grey)
    turned, columns = _without_rows(upright.T)
    flat, count = turned.T, rows + columns
    if not count or _shows(flat):
        return flat, count
    for before, removed in ((grey, rows), (upright, columns)):  # the digit may be one stroke from side to side
        if removed == 1:
            return before, count - 1
    return flat, count


def _shows(grey: np.ndarray) -> bool:
    return np.ptp(ndimage.median_filter(grey, 3)) > 2 * _LEAST_VISIBLE


def _without_rows(grey: np.ndarray) -> tuple[np.ndarray, int]:
    """A picture without its level rules, and their number."""
    height = len(grey)
    thick = max(round(_RULE_THICKNESS * max(grey.shape)), 1)
    taller = (2 * thick + 1, 1)
    painted = np.full(grey.shape, False)
    least = max(2 * _LEAST_VISIBLE, 4 * _noise(grey))
    for side in (255 - grey, grey):  # what is darker, and what is lighter, than the paper above and below it
        behind = ndimage.grey_opening(side, taller)
        painted |= _crossing(side - behind >= least, behind - np.median(behind) >= least)
    if not painted.any():
        return grey, 0
    lines = _labelled(painted[:, grey.shape[1] // 2])[1]
    margin = 1 + height // 250  # a lens or JPEG smears a line so far
    painted = ndimage.binary_dilation(painted, np.ones((2 * margin + 1, 1)))
    return _bridged(grey, painted), max(lines, 1)


def _crossing(thin: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The pixels (H, W) bool of thin level things that lie along lines from the left to the right side.

    A line may pass behind a broad stroke, where it cannot be seen.
    """
    height, width = thin.shape
    blocks = np.array_split(np.arange(width), min(_BLOCKS, width))
    seen, open_ = (
        np.stack([mask[:, block].mean(axis=1) > 0.5 for block in blocks], axis=1) for mask in (thin, ~(hidden & ~thin))
    )  # (H, blocks)
    middles = np.array([block.mean() for block in blocks]) - (width - 1) / 2
    ends = max(len(blocks) // 20, 1)
    lines = np.full(thin.shape, False)
    if not (seen[:, :ends].any() and seen[:, -ends:].any()):
        return lines
    across = np.arange(width) - (width - 1) / 2
    for tilt in _RULE_TILTS if width > 100 else (0.0,):
        at = np.arange(height)[:, None] + np.round(tilt * middles).astype(int)
        inside = (at >= 0) & (at < height)
        place = (at.clip(0, height - 1), np.arange(len(blocks)))
        along, free = seen[place] & inside, open_[place] & inside
        rule = along.sum(axis=1) >= np.maximum(0.85 * free.sum(axis=1), 0.3 * len(blocks))
        rule &= along[:, :ends].any(axis=1) & along[:, -ends:].any(axis=1)
        if rule.any():
            start = np.arange(height)[:, None] - np.round(tilt * across).astype(int)
            lines |= rule[start.clip(0, height - 1)] & (start >= 0) & (start < height)
    return lines


def _bridged(grey: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """A picture whose painted pixels are interpolated from the next ones above and below."""
    rows = np.arange(len(grey))
    bridged = grey.copy()
    for column in np.flatnonzero(painted.any(axis=0)):
        over = painted[:, column]
        if not over.all():
            bridged[over, column] = np.interp(rows[over], rows[~over], grey[~over, column])
    return bridged


# The sheet


def _sheet(grey: np.ndarray, broad: bool) -> _Sheet:
    """The light or the dark region, whichever is a sheet and holds the larger share of its own side of the greys.

    With `broad`, what lies around it is broader than a rule.
    """
    whole = np.full(grey.shape, True)
    threshold = _otsu(grey)
    sides = [(light, _sheets(grey, threshold, light, broad)) for light in (True, False)]
    candidates = [(share, inside, light) for light, sheets in sides for share, inside in sheets]
    if not candidates:
        return _Sheet(whole, None)
    _, inside, light = max(candidates, key=lambda candidate: candidate[0])
    return _Sheet(inside, light)


def _sheets(grey: np.ndarray, threshold: float, light: bool, broad: bool) -> list[tuple[float, np.ndarray]]:
    """The largest region of one side of a threshold, if it is a sheet, with its share of its own hull."""
    own = grey > threshold if light else grey <= threshold
    labels, count = _labelled(own)
    if not count:
        return []
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    inside, straight, slender = _hull(largest)
    area, share = inside.mean(), own[inside].mean()
    if area > 0.98:
        return [(share, np.full(grey.shape, True))] if share > 0.5 else []
    if (
        area < 0.15
        or share < 0.7
        or straight < 0.87
        or slender < 0.33
        or not _has_edge(grey, inside, own, light, broad)
    ):
        return []
    rim = max(round(0.01 * max(grey.shape)), 1)
    inside = ~_grown(~inside, rim)
    return [(share, inside)] if _holds_something(inside & ~own) else []


def _hull(region: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The convex hull (H, W) bool of a region, its share of the smallest rectangle about it, and that one's aspect."""
    rows, columns = np.nonzero(region ^ ndimage.binary_erosion(region, _NEIGHBOURS))
    corners = np.concatenate([np.stack([rows + r, columns + c], axis=1) for r in (0, 1) for c in (0, 1)])
    hull = spatial.ConvexHull(corners)
    inside = np.full(region.shape, True)
    across = np.arange(region.shape[1]) + 0.5
    down = (np.arange(region.shape[0]) + 0.5)[:, None]
    for a, b, c in hull.equations:
        inside &= a * down + b * across + c <= 1e-9
    points, sides = hull.points[hull.vertices], hull.equations[:, :2]  # a smallest rectangle lies along a side
    turned = np.stack([sides, sides[:, ::-1] * [1, -1]])  # (2, sides, 2): along and across
    boxes = np.ptp(turned @ points.T, axis=2)  # (2, sides)
    smallest = boxes[:, boxes.prod(axis=0).argmin()]
    return inside, hull.volume / smallest.prod(), smallest.min() / smallest.max()


def _has_edge(grey: np.ndarray, inside: np.ndarray, own: np.ndarray, light: bool, broad: bool) -> bool:
    """Whether the greys change abruptly at a region's boundary, as at the edge of paper and not as in a shadow."""
    rim = max(round(0.02 * max(grey.shape)), 1)
    within = inside & own & _grown(~inside, rim)
    off = round(_RULE_THICKNESS * max(grey.shape)) if broad else 0
    near = _grown(inside, off)
    beyond = _grown(near, rim) & ~near
    if not within.any() or not beyond.any():
        return False
    step = np.median(grey[within]) - np.quantile(grey[beyond], 0.7 if light == broad else 0.3)
    return abs(step) > 0.5 * abs(np.median(grey[inside & own]) - np.median(grey[~inside]))


def _holds_something(other: np.ndarray) -> bool:
    """Whether pixels of another grey form something long enough to be a digit."""
    boxes = ndimage.find_objects(_labelled(other, _NEIGHBOURS)[0])
    longest = max((max(_size(box)) for box in boxes), default=0)
    return longest >= max(4, 0.05 * max(other.shape))


def _otsu(grey: np.ndarray) -> float:
    """The grey that parts a picture's greys into two classes as far apart as can be; Otsu, 1979."""
    counts = np.bincount(grey.round().astype(int).ravel(), minlength=256)
    below, sums = counts.cumsum()[:-1], (counts * np.arange(256)).cumsum()
    above = grey.size - below
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = sums[:-1] / below - (sums[-1] - sums[:-1]) / above
    between = np.nan_to_num(below * above * apart**2)
    return np.flatnonzero(between == between.max()).mean() + 0.5  # in the middle of an empty range


# Paper and ink


def _away_from_paper(grey: np.ndarray, sheet: _Sheet) -> np.ndarray:
    """How much lighter each pixel is than the paper; 0 outside the sheet."""
    if sheet.light is None:
        own = np.full(grey.shape, True)
    else:
        threshold = _otsu(grey)
        own = sheet.inside & ((grey > threshold) == sheet.light)
    levels, counts = np.unique(grey[own], return_counts=True)
    flat = counts.max() >= 0.3 * own.sum()
    paper = levels[counts.argmax()] if flat else _surface(grey, own)
    return np.where(sheet.inside, grey - paper, 0)


def _surface(grey: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The quadratic surface (H, W) through most of a picture's own greys, without what lies far from it."""
    down, across = np.meshgrid(*(np.linspace(-1, 1, length) for length in grey.shape), indexing="ij")
    monomials = np.stack([np.ones_like(down), down, across, down * across, down**2, across**2], axis=-1)
    sample = own.copy()
    stride = max(int((grey.size / 40_000) ** 0.5), 1)
    sample[np.arange(len(grey)) % stride != 0] = False
    sample[:, np.arange(grey.shape[1]) % stride != 0] = False
    if sample.sum() < 30:
        sample = own
    points, greys = monomials[sample], grey[sample]
    weights = np.abs(greys - np.median(greys)) <= 2.5 * np.median(np.abs(greys - np.median(greys))) + 1
    surface = np.zeros(monomials.shape[-1])
    for _ in range(8):
        surface = np.linalg.lstsq(points[weights], greys[weights], rcond=None)[0]
        off = np.abs(greys - points @ surface)
        weights = off <= 3 * np.median(off) + 0.5
    return monomials @ surface


def _noise(grey: np.ndarray) -> float:
    """How much the greys of one paper differ, about their standard deviation: the median difference of near pixels."""
    gap = 2 if min(grey.shape) > 40 else 1
    pairs = [np.abs(grey[gap:] - grey[:-gap]), np.abs(grey[:, gap:] - grey[:, :-gap])]
    return float(np.median(np.concatenate([differences.ravel() for differences in pairs]))) if grey.size > 1 else 0.0


# The digit


def _digit(depth: np.ndarray, inside: np.ndarray) -> Ink:
    """The ink of a sheet that belongs to the digit: the heaviest that is found, even under stronger ink."""
    depth = np.where(inside, depth, 0).clip(min=0)
    noise = _noise(np.where(depth < depth.max() / 2, depth, 0))
    edge = _grown(np.pad(~inside, 1, constant_values=True), 1)[1:-1, 1:-1]
    best, weight, total = Ink(np.zeros_like(depth), True, True), 0.0, 0.0
    left = depth.copy()
    for _ in range(6):
        peak = left.max()
        if peak < max(_LEAST_VISIBLE, 5 * noise):
            break
        least = min(max(FAINT_INK * peak, 5 * noise), 0.4 * peak)
        labels, _ = _labelled(left >= least, _NEIGHBOURS)
        digit, clear = _pieces(left, labels, edge)
        if left[digit].max() < 0.6 * peak:  # its weaker ink was not seen beside what is stronger
            stronger = np.isin(labels, np.unique(labels[left >= 0.6 * peak]))
            total += left[stronger].sum()
            left[_grown(stronger, 2) & ~digit] = 0
            continue
        values = left * (digit if noise else _rim(digit) & (digit | (labels == 0)))
        total += left[labels > 0].sum()
        if values.sum() > weight:
            best, weight = Ink(values, True, bool(clear and peak >= LEAST_CONTRAST)), values.sum()
        left[_grown(labels > 0, 2)] = 0
    return best._replace(alone=bool(total < 1.1 * weight))


def _pieces(ink: np.ndarray, labels: np.ndarray, edge: np.ndarray) -> tuple[np.ndarray, bool]:
    """Where (H, W) bool the digit's pieces are, and whether they are clearly one digit.

    The farther a piece lies from the heaviest one, the heavier it must be to belong to the digit.
    """
    boxes = ndimage.find_objects(labels)
    numbers = np.arange(1, len(boxes) + 1)
    thickness = 2 * np.asarray(ndimage.maximum(_depth(np.pad(labels > 0, 1))[1:-1, 1:-1], labels, numbers)) - 1
    weights = np.asarray(ndimage.sum(ink, labels, numbers)) / thickness  # by length: a blot is no digit
    weights[_at_the_edge(labels, boxes, edge)] *= 1e-6  # to be read only where there is nothing else
    first = int(weights.argmax())
    kept: list[int] = [first]
    clear = True
    alike = (weights >= _LEAST_PIECE * weights[first]) & (thickness <= 2 * thickness[first] + 2)
    rest = [int(piece) for piece in np.flatnonzero(alike) if piece != first]
    while rest:
        digit = np.isin(labels, np.array(kept) + 1)
        long = max(_size(ndimage.find_objects(digit.astype(int))[0]))
        away = _depth(~digit)
        gaps = [away[boxes[piece]][labels[boxes[piece]] == piece + 1].min() for piece in rest]
        shares = weights[rest] / weights[kept].sum()
        near = [
            index
            for index, (gap, share) in enumerate(zip(gaps, shares, strict=True))
            if gap <= long * (0.06 + min(share, 0.4) / 2)
        ]
        if not near:
            break
        clear &= all(shares[index] < 0.25 or gaps[index] < 0.12 * long for index in near)
        kept += [rest[index] for index in near]
        rest = [piece for index, piece in enumerate(rest) if index not in near]
    digit = np.isin(labels, np.array(kept) + 1)
    return digit, clear and _is_of_strokes(digit, edge)


def _at_the_edge(labels: np.ndarray, boxes: list[tuple[slice, slice]], edge: np.ndarray) -> list[bool]:
    """For each piece, whether it lies along the sheet's edge, or in its corner, and nowhere near its middle."""
    height, width = labels.shape
    middle = np.unique(labels[height // 4 : height - height // 4, width // 4 : width - width // 4])
    touching = np.bincount(labels[edge], minlength=len(boxes) + 1)[1:]
    corners = np.unique(labels[[0, 0, -1, -1], [0, -1, 0, -1]])
    along = touching > 0.2 * min(height, width)
    return [(along[i] or i + 1 in corners) and i + 1 not in middle for i in range(len(boxes))]


def _is_of_strokes(digit: np.ndarray, edge: np.ndarray) -> bool:
    """Whether it is as thin, as narrow and as large as digits are; at an edge of the sheet it must be thinner."""
    height, width = _size(ndimage.find_objects(digit.astype(int))[0])
    thickest = 2 * _depth(np.pad(digit, 1)).max() - 1
    thin = 0.3 if (digit & edge).sum() > 0.2 * min(digit.shape) else 0.55
    hull, _, slender = _hull(digit)
    if slender > 0.5 and digit[hull].mean() > _MOST_HULL_FILLED:  # a round sheet, whose holes are the writing on it
        return False
    return max(height, width) >= 5 and thickest <= max(thin * max(height, width), 1) and width <= 2 * height


def _rim(digit: np.ndarray) -> np.ndarray:
    """A digit and the soft rim of its strokes, a twentieth of its length."""
    long = max(_size(ndimage.find_objects(digit.astype(int))[0]))
    return _depth(~digit) <= max(long / 10, 1.5)


def _labelled(region: np.ndarray, structure: np.ndarray | None = None) -> tuple[np.ndarray, int]:
    """The connected pieces of a region, numbered from 1, (H, W) int, and how many there are."""
    return cast("tuple[np.ndarray, int]", ndimage.label(region, structure))  # scipy's annotation leaves this open


def _depth(region: np.ndarray) -> np.ndarray:
    """The distance of each pixel of a region to the nearest one outside it, 0 outside."""
    return np.asarray(ndimage.distance_transform_edt(region))


def _grown(region: np.ndarray, by: int) -> np.ndarray:
    return ndimage.maximum_filter(region, 2 * by + 1, mode="constant")


def _size(box: tuple[slice, slice]) -> tuple[int, int]:
    rows, columns = box
    return rows.stop - rows.start, columns.stop - columns.start
