"""The view as one value, and the same value as a URL.

Everything that a link must reopen is a field of `ExplorerState`, which says beside its default how it is read from a
URL. Each field is named after the widget that shows it. `to_query` writes only what differs from the defaults,
`from_query` reads it back and lets no junk through:

    from_query(to_query(state)) == state        for every valid state
    from_query(anything) is a valid state       for every mapping of strings
"""

import binascii
import math
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from vae import config
from vae.config import TrainConfig
from vae.storage.file_pair import NAME
from vae.storage.stored_checkpoint import FARTHEST

T = TypeVar("T")
Parser = Callable[[Any], Any]  # reads the value of a field; raises ValueError for what the field cannot have
Side = Literal["left", "middle", "right"]

PATHS = ("line", "arc", "geodesic", "near codes")
SAMPLES = (10, 20, 50, 100)
SOURCES = ("prior", "codes")
SAMPLE_PIXELS = ("mean", "draw")
UNITS = ("nats", "bits")
COLOURS = ("class", "log_px", "gap", "kl", "error", "seen", "right")  # see `views.colouring`
NOISES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
DATASETS = ("mnist", "fashion-mnist", "kmnist", "emnist-digits")
LIMIT = 1e4  # of numbers that are not coordinates
SIGNIFICANT = 9  # digits of a coordinate: the fewest that tell every float32, which codes are, from the next
CLASSES = 10  # at most
LESSON = 14  # steps of the page Learn, as `markup.lesson` has them
TEST_IMAGES = 1_000_000  # more than any data set has; a page asks the model how many there are
SEEDS = 2**31
PIXELS = 28 * 28
LONGEST_DRAWING = 1200  # characters; no image of MNIST takes more than 500


# Parsers


def coordinate(value: Any) -> float:
    """A finite latent coordinate, rounded once, so that the shown z is the decoded z.

    Raises ValueError on anything else, and beyond `FARTHEST`, where no code lies: that is a typing error or a hostile
    link.
    """
    number = _number(float, value)
    if not math.isfinite(number) or abs(number) > FARTHEST:
        raise ValueError(f"a latent coordinate must be finite and within ±{FARTHEST:g}, got {value!r}")
    return rounded(number)


def rounded(number: float) -> float:
    """A number rounded to `SIGNIFICANT` digits, which leaves a float32 as it is."""
    return float(f"{number:.{SIGNIFICANT}g}") + 0.0


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
    """A parser of numbers in a range; it raises ValueError on anything else.

    Args:
        least: The smallest number, an int if all of them are to be.
        most: The largest.
    """

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
    """A parser of one of the options, or of how a URL writes it; it raises ValueError on anything else."""

    def parse(value: Any) -> T:
        for option in options:
            if str(option) == str(value):
                return option
        raise ValueError(f"expected one of {options}, got {value!r}")

    return parse


def switch(value: Any) -> bool:
    """On or off, in a URL 1 or 0; raises ValueError on anything else."""
    return one_of("0", "1")(value) == "1"


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


def mask(value: Any) -> str:
    """Some pixels of an image: as a drawing in black and white; raises ValueError on anything else."""
    return packed(bytes(255 * (level > 0) for level in unpacked(drawing(value))))


LOWER_HALF = packed(bytes(PIXELS // 2) + b"\xff" * (PIXELS // 2))


# Fields: each with its default, its parser, and what the page that shows it needs to know


def _field(default: Any, parse: Parser, former: str = "", **facts: Any) -> Any:
    """A field of the state; `former` is a name that old links may have for it."""
    return field(default=default, metadata={"parse": parse, "former": former, **facts})


def _model(default: str, former: str = "") -> Any:
    return _field(default, checkpoint_name, former)


def _label(former: str, default: int | None = 7) -> Any:
    return _field(default, whole(CLASSES), former)


def _image(default: int) -> Any:
    return _field(default, whole(TEST_IMAGES))


def _switch(default: bool) -> Any:
    return _field(default, switch)


def _choice(default: T, options: tuple[T, ...]) -> Any:
    return _field(default, one_of(*options), choices=options)


def _coordinate(plane: str) -> Any:
    """A coordinate of a point in a plane, named after the field with its model; None until the point is chosen."""
    return _field(None, coordinate, plane=plane)


_SETTINGS = {setting.name: setting for setting in fields(TrainConfig)}
_TYPES = get_type_hints(TrainConfig)


def _setting(name: str, default: Any = None, **narrower: float) -> Any:
    """A setting of a training, as `TrainConfig` has it but within the `narrower` limits that a page allows."""
    default = _SETTINGS[name].default if default is None else default
    if choices := get_args(_TYPES[name]):
        parse = one_of(*choices)
        return _field(default, lambda value: parse(config.current(name, value)), choices=choices)
    limits = {**_SETTINGS[name].metadata["limits"], **narrower}
    least, most = (_TYPES[name](limits[end]) for end in ("least", "most"))
    return _field(default, within(least, most), limits=(least, most))


@dataclass(frozen=True)
class ExplorerState:
    """What a person has chosen, on all pages together; coordinates are None until a point is pinned."""

    left: str = _model("ae")
    right: str = _model("vae")
    middle: str = _model("")  # no third map
    label_left: int = _label("digit_left")
    label_right: int = _label("digit_right")
    label_middle: int = _label("digit_middle")
    z1_left: float | None = _coordinate("left")
    z2_left: float | None = _coordinate("left")
    z1_right: float | None = _coordinate("right")
    z2_right: float | None = _coordinate("right")
    z1_middle: float | None = _coordinate("middle")
    z2_middle: float | None = _coordinate("middle")
    manifold: bool = _switch(False)
    prior: bool = _switch(True)
    magnification: bool = _switch(False)
    regions: bool = _switch(False)
    sampling: bool = _switch(False)  # whether samples stand under the maps, from `seed`
    sample_from: str = _choice("prior", SOURCES)
    sample_pixels: str = _choice("mean", SAMPLE_PIXELS)
    shapes: bool = _switch(False)  # of the classes, for dots
    colour: str = _choice("class", COLOURS)  # what colours the dots
    path: str = _choice("line", PATHS)
    snap: bool = _switch(True)
    image_a: int = _image(2)  # a 1 and a 9: between them the autoencoder has a hole and the VAE has none
    image_b: int = _image(7)
    a1_left: float | None = _coordinate("left")
    a2_left: float | None = _coordinate("left")
    b1_left: float | None = _coordinate("left")
    b2_left: float | None = _coordinate("left")
    a1_right: float | None = _coordinate("right")
    a2_right: float | None = _coordinate("right")
    b1_right: float | None = _coordinate("right")
    b2_right: float | None = _coordinate("right")
    style: str = _model("cvae")
    z1_style: float | None = _coordinate("style")
    z2_style: float | None = _coordinate("style")
    label: int = _label("digit")
    morph: int = _label("", 2)  # the class into which the first one morphs
    sampled: int = _label("")
    samples: int = _choice(50, SAMPLES)
    seed: int = _field(0, whole(SEEDS))
    image_learn: int = _image(0)  # a 7
    step: int = _field(1, within(1, LESSON), limits=(1, LESSON))  # of the page Learn
    bound_model: str = _model("vae", "bound")
    sigma: float | None = _field(None, positive)
    image_bound: int = _image(77)  # a 2 that the encoder takes for something else, with a posterior of two peaks
    label_bound: int = _label("digit_bound")
    z1_bound: float | None = _coordinate("bound_model")
    z2_bound: float | None = _coordinate("bound_model")
    noise: float = _choice(0.0, NOISES)  # on the image, see `quantities.noise`
    unit: str = _choice("nats", UNITS)
    drawing: str = _field("", drawing)  # a drawn digit in MNIST's form, see `packed`
    label_drawing: int | None = _label("digit_drawing", None)  # its class; None leaves the class to Bayes' rule
    drawn_bound: bool = _switch(False)  # whether Bound shows the drawing
    complete: bool = _switch(False)  # whether what is not drawn, or erased, is unknown
    erased: str = _field(LOWER_HALF, mask)  # of the image on Bound
    training: str = _model("", "job")  # the training that is watched; "" stands for the one that runs, or else the last
    train_dataset: str = _choice("mnist", DATASETS)
    train_model: str = _setting("model")
    train_network: str = _setting("network")
    train_likelihood: str = _setting("likelihood")
    train_sigma: float = _setting("sigma", round(math.sqrt(0.5), 4), least=1e-3)
    train_beta: float = _setting("beta", most=LIMIT)
    train_kl: str = _setting("kl")
    train_latent_dim: int = _setting("latent_dim", most=256)
    train_epochs: int = _setting("epochs", 20, most=10_000)
    train_batch_size: int = _setting("batch_size", most=10_000)
    train_learning_rate: float = _setting("learning_rate", least=1e-6, most=LIMIT)
    train_corruption: float = _setting("corruption", most=0.95)
    train_corruption_kind: str = _setting("corruption_kind")
    train_seed: int = _setting("seed", most=SEEDS - 1)
    replay_left: str = _model("ae")
    replay_right: str = _model("vae")
    label_replay_left: int = _label("digit_replay_left")
    label_replay_right: int = _label("digit_replay_right")
    z1_replay_left: float | None = _coordinate("replay_left")
    z2_replay_left: float | None = _coordinate("replay_left")
    z1_replay_right: float | None = _coordinate("replay_right")
    z2_replay_right: float | None = _coordinate("replay_right")
    epoch: float = _field(0.0, epoch)
    fit: bool = _switch(True)


FIELDS: dict[str, Field] = {declared.name: declared for declared in fields(ExplorerState)}


def choices(name: str) -> tuple[Any, ...]:
    """The values among which a field of the state is chosen."""
    return FIELDS[name].metadata["choices"]


def limits(name: str) -> tuple[float, float]:
    """The least and the most that a number of the state can be, both int for a whole number."""
    return FIELDS[name].metadata["limits"]


def plane(model: str) -> tuple[str, ...]:
    """The fields with the points of one plane, which mean nothing in the plane of another model.

    The plane is named after the field that holds the name of its model.
    """
    return tuple(name for name, declared in FIELDS.items() if declared.metadata.get("plane") == model)


# State and URL


def from_query(query: Mapping[str, str]) -> ExplorerState:
    """The state that a URL's query describes; what is missing or junk takes its default."""
    return read_query(query)[0]


def read_query(query: Mapping[str, str]) -> tuple[ExplorerState, tuple[str, ...]]:
    """The state that a URL's query describes, and the names in it whose values their fields cannot have."""
    chosen, junk = {}, []
    for name, declared in FIELDS.items():
        for asked in filter(None, (declared.metadata["former"], name)):  # the name of today counts where both are
            if asked in query:
                try:
                    chosen[name] = declared.metadata["parse"](query[asked])
                except ValueError:
                    junk.append(asked)
    return ExplorerState(**chosen), tuple(junk)


def to_query(state: ExplorerState) -> dict[str, str]:
    """The fields of `state` that differ from the defaults, as a URL's query."""
    query = {}
    for name, declared in FIELDS.items():
        value = getattr(state, name)
        if value != declared.default:
            query[name] = str(int(value)) if isinstance(value, bool) else str(value)
    return query
