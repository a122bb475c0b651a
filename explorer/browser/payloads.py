"""What each page hands its controller in the browser: one type for each mount; its fields have the same names there.

Points and codes are [z1, z2], ranges [low, high], boxes [range of z1, range of z2]; an address is what a browser can
open, a `data:` URL mostly. Ids name what `banks` has handed over.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from explorer.state import Side

Pair = Sequence[float]
Box = Sequence[Pair]


class OfPlane(TypedDict):
    """What the server finds out of a map's plane."""

    z: Pair | None  # the pinned point
    said: str  # what lies near it, to be read out
    radius: float | None  # the distance within which codes are near
    hole: Pair | None  # a place to try, where there is one
    sheet: str | None  # the address of the test images, where they are


NOTHING_YET = OfPlane(z=None, said="", radius=None, hole=None, sheet=None)


class Colour(TypedDict):
    """What colours the codes of a map in place of their classes."""

    kind: Literal["scale", "seen", "right"]  # of numbers; or the class that a classifier sees, and whether it is right
    title: str
    unit: str
    address: str | None  # of what was measured of each test image; None where the model has none of it
    ends: Pair | None  # of a scale; what lies beyond has the colours of its ends


class Map(OfPlane):
    """One map of the page Maps."""

    side: Side
    bank: str
    label: int  # the class asked of a conditional model
    manifold: bool
    prior: bool
    colour: Colour | None
    announce: bool  # whether to tell the server when the map can be touched


class Heat(TypedDict):
    """The magnification behind a map, mounted only while it is to be shown."""

    part: Literal["heat"]
    side: Side
    window: Box
    shades: str  # the address of a grey picture, 0 at `low` and 255 at `high`, its first row at the top
    low: float
    high: float


class Regions(TypedDict):
    """What the classifier reads behind a map, mounted only while it is to be shown."""

    part: Literal["regions"]
    side: Side
    bank: str  # which has the names of the classes
    window: Box
    labels: str  # the address of a grey picture of classes, its first row at the top
    probabilities: str  # the same of how probable each is, 255 for 1


class Readings(TypedDict):
    """What the classifier reads along a path."""

    labels: Sequence[int]
    probabilities: Sequence[float]


class MapSamples(TypedDict):
    """Samples under a map, mounted only while they are to be shown; see `samplesOf` of `model/samples.js`."""

    part: Literal["samples"]
    side: Side
    bank: str
    label: int  # the class asked of a conditional model
    likelihood: "Likelihood | None"  # None where the browser does not have it
    source: str
    pixels: str
    seed: int


class MapsPanel(TypedDict):
    """The place below the maps for what is found and selected on them, all of which the browser knows."""

    part: Literal["panel"]


class Path(TypedDict):
    """The path of one map."""

    bank: str
    label: int
    a: Pair
    b: Pair
    path: Sequence[Pair]
    radius: float  # the distance within which codes are near
    near: Sequence[int]  # how many are, of each point of the path
    readings: Readings | None  # at each point of the path; None where there is no classifier


class Interpolate(TypedDict):
    """The page Interpolate; a side whose checkpoint is broken is absent."""

    sides: Mapping[Side, Path]
    kind: str
    snap: bool  # whether the ends are test images
    prior: bool


class Classes(TypedDict):
    """The page Classes."""

    bank: str
    z: Pair
    radius: float  # the distance within which codes are near
    label: int
    morph: int  # the class into which the first one morphs


class Normal(TypedDict):
    """A diagonal normal in the plane."""

    mean: Pair
    std: Pair


class Likelihood(TypedDict):
    """p(x|z) as the browser computes it."""

    bernoulli: bool  # else Gaussian
    sigma: float | None  # None where each pixel has its own, which the browser does not have
    linear: bool  # whether the decoder gives the means of the pixels, and not their logits


class Shades(TypedDict):
    """The exact posterior on a part of the plane."""

    window: Box
    shades: str  # the address of a grey picture, see `shades_a_nat`, its first row at the top
    levels: Sequence[float]  # of its two lines, in nats below the peak


class Unit(TypedDict):
    """A unit of information, and how many nats it has."""

    name: str
    nats: float


class BoundPart(TypedDict):
    """A place on the page Bound; what to show there comes with `BoundClose`."""

    part: Literal["again", "live"]


class BoundClose(TypedDict):
    """All that the page Bound shows of one image under one model; likelihoods are in nats."""

    part: Literal["close"]
    bank: str
    subject: str  # tells the image from all others
    label: int
    image: str  # its address
    likelihood: Likelihood
    q: Normal
    best: Normal  # the Gaussian nearest to the posterior
    posterior: Sequence[Shades]  # wide, close up
    shades_a_nat: float
    view: Box  # what to look at close up
    log_px: float
    error: float
    settled: bool
    draws: int  # how many the estimates come to
    unit: Unit  # in which they are shown
    dot: float  # the size of a code, 1 on a map of ten thousand
    pick: Literal["z", "image"]  # what a click takes
    drawn: NotRequired[Sequence[Sequence[float]]]  # log-weights by encoder and prior, where the browser cannot draw


class CompletionPanel(TypedDict):
    """A place on the page Bound; what to show there comes with `CompletionEraser`."""

    part: Literal["panel"]


class CompletionEraser(TypedDict):
    """An image on the page Bound of which a part is erased, and that is to be completed."""

    part: Literal["eraser"]
    bank: str
    label: int
    likelihood: Likelihood
    image: str  # its address
    erased: str  # 784 bytes in base64, 0 where the image is seen
    log_px: float  # of the whole image, nats
    unit: Unit
    dot: float  # the size of a code, 1 on a map of ten thousand
    prior: bool


class LessonStep(TypedDict):
    """One step of the lesson; words and formula are HTML."""

    figure: str
    title: str
    words: str
    formula: str
    question: str
    answers: Sequence[str]
    page: str  # the title of the page on which the same view is


class LessonModel(TypedDict):
    """A model of the lesson."""

    bank: str
    encoder: str | None  # its id; None where no image is encoded
    radius: float  # the distance within which codes are near
    likelihood: Likelihood | None  # None of an autoencoder
    knn5: float | None  # 5-NN; None where it was not measured


class LessonFilm(TypedDict):
    """The codes of a training at all its snapshots."""

    codes: str  # their address
    views: Sequence[Box]  # the part of the plane that holds the codes of each snapshot
    prior: bool


class LessonMember(TypedDict):
    """A VAE that differs from others in the sigma of a pixel alone."""

    sigma: float
    address: str  # of its bank
    kl: float  # nats, on the test images
    error: float  # squared error on the test images


class LessonBest(TypedDict):
    """The best VAE of black-and-white pixels."""

    address: str  # of its bank
    likelihood: Likelihood | None


class LessonTrainings(TypedDict):
    """The trainings that the lesson shows; what is missing here is empty."""

    part: Literal["trainings"]
    sides: Mapping[Side, LessonFilm]
    curves: Sequence["ReplayCurve"]
    family: Sequence[LessonMember]  # from the smallest sigma to the largest
    best: LessonBest | None


class Lesson(TypedDict):
    """The page Learn."""

    step: int  # from 1
    image: int  # the test image that is looked at
    steps: Sequence[LessonStep]
    models: Mapping[str, LessonModel]
    sheet: str  # the id of the test images


class DrawPart(TypedDict):
    """A place on the page Draw; what to show there comes with `DrawPad`."""

    part: Side | Literal["note", "ten"]


class DrawSide(TypedDict):
    """One map of the page Draw."""

    bank: str
    encoder: str | None  # its id; None for a model that has none
    label: int
    radius: float
    sheet: str | None  # the id of its test images
    likelihood: Likelihood | None  # under which the browser finds the posterior; None where it cannot, and of an AE
    code: NotRequired[Pair]  # of the drawing, where only the server can encode it
    q: NotRequired[Normal | None]


class DrawStyle(TypedDict):
    """The conditional model that draws the ten digits."""

    bank: str
    encoder: str | None
    likelihood: Likelihood | None  # None where the browser cannot compute it


class DrawnClasses(TypedDict):
    """The class of a drawing by Bayes' rule, where only the server can find it."""

    probabilities: Sequence[float]
    codes: Sequence[Pair]  # given each class


class DrawPad(TypedDict):
    """All that the page Draw shows."""

    part: Literal["pad"]
    loaded: int  # another number for another drawing that did not come from the pad
    form: str  # the drawing that the rest describes: 784 grey levels in base64, or nothing
    asked: int | None  # the class that the visitor says it is
    complete: bool  # whether what is not drawn is unknown
    prior: bool
    sides: Mapping[Side, DrawSide]
    style: DrawStyle | None
    classes: DrawnClasses | None


class ReplaySide(TypedDict):
    """The replay of one training."""

    id: str
    name: str
    codes: str  # the address of the codes of all snapshots
    decoders: Sequence[str]  # the address of the decoder of each
    classes: Sequence[str]
    test_set: str
    prior: bool
    label: int
    z: Pair  # the pinned point
    views: Sequence[Box]  # the part of the plane that holds the codes of each snapshot
    last_view: Box


class ReplayCurve(TypedDict):
    """A figure over time."""

    title: str
    falls: bool  # whether training only lowers it
    lines: Mapping[Side, Sequence[float]]  # by side, a value a snapshot


class Replay(TypedDict):
    """The page Replay; a training that cannot be shown is absent."""

    sides: Mapping[Side, ReplaySide]
    curves: Sequence[ReplayCurve]
    epoch: float
    visit: int
    prior: bool
    manifold: bool
    fit: bool  # whether the view follows the codes


class TrainCurve(TypedDict):
    """A figure of the objective; points are [epoch, value]."""

    title: str
    unit: str
    within: Sequence[Pair]  # the means of some steps
    rows: Sequence[Pair]  # of whole epochs


class TrainCurves(TypedDict):
    """The curves of a training on the page Train, and the place of its map."""

    part: Literal["curves"]
    job: str
    epochs: int
    curves: Sequence[TrainCurve]


class TrainPicture(TypedDict):
    """What a training has come to after an epoch."""

    part: Literal["map"]
    job: str
    epoch: int
    picture: str  # the address of what is decoded
    caption: str


class TrainMap(TrainPicture):
    """The same with the codes of test images, where these have two dimensions."""

    codes: str  # (N, 2) int16 in base64
    scale: Pair  # what 1 of them is, along each axis
    labels: str  # (N,) uint8 in base64
    window: Box
    prior: bool
    classes: Sequence[str]


class Pictures(TypedDict):
    """The maps of a page that can be exported as pictures."""

    charts: dict[str, str]  # the name of each one's file, by the key of its chart


class Files(TypedDict):
    """The files of a page, of which the browser needs to know nothing."""


Payload = (
    Map
    | Heat
    | Regions
    | MapSamples
    | MapsPanel
    | Interpolate
    | Classes
    | BoundPart
    | BoundClose
    | CompletionPanel
    | Lesson
    | LessonTrainings
    | CompletionEraser
    | DrawPart
    | DrawPad
    | Replay
    | TrainCurves
    | TrainPicture
    | TrainMap
    | Pictures
    | Files
)
