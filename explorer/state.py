"""The view as one value, and the same value as a URL.

Everything that a link must reopen is a field of `ExplorerState`; each field is named after the widget that shows it.
`to_query` writes only what differs from the defaults, `from_query` reads it back and lets no junk through:

    from_query(to_query(state)) == state        for every valid state
    from_query(anything) is a valid state       for every mapping of strings
"""

import binascii
import math
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

Side = Literal["left", "middle", "right"]
T = TypeVar("T")

PATHS = ("line", "arc", "geodesic")
SAMPLES = (10, 20, 50, 100)
UNITS = ("nats", "bits")
DATASETS = ("mnist", "fashion-mnist", "kmnist", "emnist-digits")
KINDS = ("ae", "vae", "cvae")
NETWORKS = ("tutorial", "small", "deep", "fourier")
LIKELIHOODS = ("gaussian", "gaussian-shared", "gaussian-pixel", "bernoulli-grey", "bernoulli")
KLS = ("closed", "monte-carlo")
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"  # of a model and of a training
LIMIT = 1e4  # of numbers that are not coordinates
FARTHEST = 1e12  # no latent code lies farther out; a coordinate beyond it is a typing error or a hostile link
DIGITS = 9  # of a coordinate: the fewest that tell every float32, which codes are, from the next
CLASSES = 10  # at most
TEST_IMAGES = 1_000_000  # more than any data set has; how many a model has is for the page to ask
RANGES = {  # of the numbers of a training that is begun from the page
    "sigma": (1e-3, LIMIT), "beta": (0.0, LIMIT), "latent_dim": (1, 256), "epochs": (1, 10_000),
    "batch_size": (1, 10_000), "learning_rate": (1e-6, LIMIT), "seed": (0, 2**31 - 1),
}  # fmt: skip
PIXELS = 28 * 28
LONGEST_DRAWING = 1200  # characters; no image of MNIST takes more than 500


@dataclass(frozen=True)
class ExplorerState:
    """What a person has chosen, on all pages together; coordinates are None until a point is pinned."""

    left: str = "ae"
    right: str = "vae"
    middle: str = ""  # no third map
    digit_left: int = 7
    digit_right: int = 7
    digit_middle: int = 7
    z1_left: float | None = None
    z2_left: float | None = None
    z1_right: float | None = None
    z2_right: float | None = None
    z1_middle: float | None = None
    z2_middle: float | None = None
    manifold: bool = False
    prior: bool = True
    magnification: bool = False
    path: str = "line"
    snap: bool = True
    image_a: int = 2  # a 1 and a 9: between them the autoencoder has a hole and the VAE has none
    image_b: int = 7
    a1_left: float | None = None
    a2_left: float | None = None
    b1_left: float | None = None
    b2_left: float | None = None
    a1_right: float | None = None
    a2_right: float | None = None
    b1_right: float | None = None
    b2_right: float | None = None
    style: str = "cvae"
    z1_style: float | None = None
    z2_style: float | None = None
    digit: int = 7
    sampled: int = 7
    morph: int = 2
    samples: int = 50
    seed: int = 0
    bound: str = "vae"
    sigma: float | None = None
    image_bound: int = 77  # a 2 that the encoder takes for what it is not, with a posterior of two peaks
    digit_bound: int = 7
    z1_bound: float | None = None
    z2_bound: float | None = None
    unit: str = "nats"
    drawing: str = ""  # a drawn digit in MNIST's form, see `packed`
    digit_drawing: int | None = None  # the class that is asked for; None leaves it to Bayes' rule
    drawn_bound: bool = False  # whether Bound looks at the drawing
    job: str = ""  # the training that is watched; the one that runs, or else the last
    train_dataset: str = "mnist"
    train_model: str = "vae"
    train_network: str = "tutorial"
    train_likelihood: str = "gaussian"
    train_sigma: float = round(math.sqrt(0.5), 4)
    train_beta: float = 1.0
    train_kl: str = "closed"
    train_latent_dim: int = 2
    train_epochs: int = 20
    train_batch_size: int = 128
    train_learning_rate: float = 4e-3
    train_seed: int = 0
    replay_left: str = "ae"
    replay_right: str = "vae"
    digit_replay_left: int = 7
    digit_replay_right: int = 7
    z1_replay_left: float | None = None
    z2_replay_left: float | None = None
    z1_replay_right: float | None = None
    z2_replay_right: float | None = None
    epoch: float = 0.0
    fit: bool = True


def plane(side: str) -> tuple[str, ...]:
    """The fields with points of one side's plane, pinned or ends of a path; on another model's they mean nothing."""
    names = (f"{point}{axis}_{side}" for point in "zab" for axis in (1, 2))
    return tuple(name for name in names if hasattr(ExplorerState, name))


def coordinate(value: Any) -> float:
    """A finite latent coordinate, rounded once, so that the shown z is the decoded z; raises ValueError on another."""
    number = _number(float, value)
    if not math.isfinite(number) or abs(number) > FARTHEST:
        raise ValueError(f"a latent coordinate must be finite and within ±{FARTHEST:g}, got {value!r}")
    return rounded(number)


def rounded(number: float) -> float:
    """A number rounded to `DIGITS` digits, which leaves a float32 as it is."""
    return float(f"{number:.{DIGITS}g}") + 0.0


def point(value: Any) -> tuple[float, float]:
    """Two coordinates; raises ValueError on anything else."""
    if not isinstance(value, Sequence) or len(value) != 2:
        raise ValueError(f"a point is two coordinates, got {value!r}")
    return coordinate(value[0]), coordinate(value[1])


def whole(below: int) -> Callable[[Any], int]:
    """A parser of whole numbers in 0..below - 1; it raises ValueError on anything else."""

    def parse(value: Any) -> int:
        number = _number(int, value)
        if not 0 <= number < below:
            raise ValueError(f"expected a whole number in 0..{below - 1}, got {value!r}")
        return number

    return parse


def _number(kind: type, value: Any) -> Any:
    try:
        return kind(value)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"not a number: {value!r}") from error


def positive(value: Any) -> float:
    """A number above 0 and not beyond `LIMIT`; raises ValueError on anything else."""
    number = _number(float, value)
    if not 0 < number <= LIMIT:
        raise ValueError(f"expected a number above 0, got {value!r}")
    return number


def within(least: float, most: float) -> Callable[[Any], float]:
    """A parser of numbers in least..most of their kind, whole or not; it raises ValueError on anything else."""

    def parse(value: Any) -> float:
        number = _number(type(least), value)
        if not least <= number <= most:
            raise ValueError(f"expected a number in {least}..{most}, got {value!r}")
        return number

    return parse


def epoch(value: Any) -> float:
    """A time of a training run in epochs, to a millionth; raises ValueError on anything else."""
    number = _number(float, value)
    if not 0 <= number <= LIMIT:
        raise ValueError(f"an epoch must be within 0..{LIMIT:g}, got {value!r}")
    return round(number, 6) + 0.0


def checkpoint_name(value: Any) -> str:
    """A name as `NAME` has it; raises ValueError on anything else."""
    if not re.fullmatch(NAME, str(value)):
        raise ValueError(f"not a checkpoint name: {value!r}")
    return str(value)


def one_of(*options: T) -> Callable[[Any], T]:
    """A parser that lets only the options through; it raises ValueError on anything else."""

    def parse(value: Any) -> T:
        if value not in options:
            raise ValueError(f"expected one of {options}, got {value!r}")
        return value

    return parse


def packed(pixels: bytes) -> str:
    """An image's 784 grey levels as a word that a URL can hold, "" where all are 0; raises ValueError for another size.

    The drawing of a digit takes some 300 characters: its bytes deflated, in base 64.
    """
    if len(pixels) != PIXELS:
        raise ValueError(f"an image has {PIXELS} pixels, got {len(pixels)}")
    deflated = zlib.compress(pixels, 9, wbits=-15) if any(pixels) else b""
    return urlsafe_b64encode(deflated).decode().rstrip("=")


def unpacked(word: str) -> bytes:
    """The 784 grey levels that `packed` wrote; raises ValueError on anything else."""
    if not word:
        return bytes(PIXELS)
    try:
        deflated = urlsafe_b64decode(word + "=" * (-len(word) % 4))
        pixels = zlib.decompressobj(wbits=-15).decompress(deflated, PIXELS + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError("not a drawing") from error
    if len(pixels) != PIXELS:
        raise ValueError("not a drawing")
    return pixels


def drawing(value: Any) -> str:
    """A drawing as `packed` wrote it; raises ValueError on anything else."""
    word = str(value)
    if not re.fullmatch(r"[A-Za-z0-9_-]*", word) or len(word) > LONGEST_DRAWING:
        raise ValueError("not a drawing")
    return packed(unpacked(word))


PARSERS: dict[str, Callable[[Any], Any]] = {
    "left": checkpoint_name,
    "right": checkpoint_name,
    "middle": checkpoint_name,
    "style": checkpoint_name,
    "bound": checkpoint_name,
    "sigma": positive,
    "path": one_of(*PATHS),
    "unit": one_of(*UNITS),
    "manifold": lambda value: one_of("0", "1")(value) == "1",
    "prior": lambda value: one_of("0", "1")(value) == "1",
    "magnification": lambda value: one_of("0", "1")(value) == "1",
    "snap": lambda value: one_of("0", "1")(value) == "1",
    "image_a": whole(TEST_IMAGES),
    "image_b": whole(TEST_IMAGES),
    "image_bound": whole(TEST_IMAGES),
    "digit": whole(CLASSES),
    "sampled": whole(CLASSES),
    "digit_left": whole(CLASSES),
    "digit_right": whole(CLASSES),
    "digit_bound": whole(CLASSES),
    "digit_middle": whole(CLASSES),
    "morph": whole(CLASSES),
    "samples": lambda value: int(one_of(*map(str, SAMPLES))(value)),
    "seed": whole(2**31),
    "drawing": drawing,
    "digit_drawing": whole(CLASSES),
    "drawn_bound": lambda value: one_of("0", "1")(value) == "1",
    "job": checkpoint_name,
    "train_dataset": one_of(*DATASETS),
    "train_model": one_of(*KINDS),
    "train_network": one_of(*NETWORKS),
    "train_likelihood": one_of(*LIKELIHOODS),
    "train_kl": one_of(*KLS),
    **{f"train_{name}": within(*bounds) for name, bounds in RANGES.items()},
    "replay_left": checkpoint_name,
    "replay_right": checkpoint_name,
    "digit_replay_left": whole(CLASSES),
    "digit_replay_right": whole(CLASSES),
    "epoch": epoch,
    "fit": lambda value: one_of("0", "1")(value) == "1",
}


def from_query(query: Mapping[str, str]) -> ExplorerState:
    """The state that a URL's query describes; what is missing or junk takes its default."""
    return read_query(query)[0]


def read_query(query: Mapping[str, str]) -> tuple[ExplorerState, tuple[str, ...]]:
    """The state that a URL's query describes, and the fields that it gives a value they cannot have."""
    chosen, junk = {}, []
    for field in fields(ExplorerState):
        if field.name in query:
            try:
                chosen[field.name] = PARSERS.get(field.name, coordinate)(query[field.name])
            except ValueError:
                junk.append(field.name)
    return ExplorerState(**chosen), tuple(junk)


def to_query(state: ExplorerState) -> dict[str, str]:
    """The fields of `state` that differ from the defaults, as a URL's query."""
    query = {}
    for field in fields(state):
        value = getattr(state, field.name)
        if value != field.default:
            query[field.name] = str(int(value)) if isinstance(value, bool) else str(value)
    return query
