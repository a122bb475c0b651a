"""The quantities of the page Bound with one image's numbers: as an equation, as lengths, and as formulas in words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from explorer.extent import Point
from explorer.markup.bars import Part, number
from explorer.quantities.bound import DRAWS, Analysis, Description
from explorer.quantities.posterior_map import MASSES
from vae.architecture import PIXELS

SETTLED = "over a grid that is refined until half the step changes nothing."
UNSETTLED = (
    "over a grid that is refined until half the step changes nothing. Here that would take too long, because this "
    "decoder changes too fast from point to point: the number may be off by the error beside it."
)
WIDE = (
    "The decoder changes so often within this q that the average over it is known no better than the error beside it."
)
RAW_BITS = 8 * PIXELS  # of an image of 256 grey levels
WORDS = {"nats": r"\ \text{nats}", "bits": r"\ \text{bits}"}


class Formula(NamedTuple):
    """A formula in TeX and a sentence in HTML."""

    tex: str
    sentence: str


@dataclass(frozen=True)
class _Numbers:
    """One image's numbers, and how formulas write them."""

    analysis: Analysis
    unit: str
    given: str
    sigma: float | None

    @property
    def if_y(self) -> str:
        return f", {self.given}" if self.given else ""

    @property
    def x(self) -> str:
        return rf"x \mid {self.given}" if self.given else "x"

    @property
    def xz(self) -> str:
        return rf"x \mid z{self.if_y}"

    @property
    def zx(self) -> str:
        return rf"z \mid x{self.if_y}"

    def bare(self, nats: float, decimals: int = 2) -> str:
        return number(nats, self.unit, decimals).replace("−", "-").replace(",", r"{,}")

    def say(self, nats: float, decimals: int = 2) -> str:
        return self.bare(nats, decimals) + WORDS[self.unit]

    def known(self, nats: float) -> str:
        """A number that follows from an ELBO, with its error where it has not settled."""
        terms = self.analysis.terms
        return self.say(nats) if terms.elbo_settled else rf"{self.bare(nats)} \pm {self.say(terms.elbo_error)}"


def formulas(analysis: Analysis, unit: str, given: str, sigma: float | None) -> list[Formula]:
    """The quantities from the integral to the code.

    Args:
        analysis: Has the numbers.
        unit: "nats" or "bits".
        given: The class that a conditional model is told, as "y = 3"; "" for another model.
        sigma: That of a Gaussian likelihood whose pixels share one, else None.
    """
    numbers = _Numbers(analysis, unit, given, sigma)
    return [write(numbers) for write in (*_FORMULAS, *([] if sigma is None else [_weight_of_kl]))]


def _log_px(n: _Numbers) -> Formula:
    terms = n.analysis.terms
    return Formula(
        rf"\log p({n.x}) = \log \int p({n.xz})\, p(z)\, dz = {n.say(terms.log_px)} \pm {n.say(terms.error, 3)}",
        "How likely the model makes this image, from whatever code. Called intractable; in a plane it is a sum, "
        + (SETTLED if terms.settled else UNSETTLED),
    )


def _posterior(n: _Numbers) -> Formula:
    return Formula(
        rf"p({n.zx}) = \frac{{p({n.xz})\, p(z)}}{{p({n.x})}}, \quad z = "
        rf"{_vector(n.analysis.mean)} \pm {_vector(n.analysis.std)}",
        f"The exact posterior: where this image's code must be. Its two lines hold {MASSES[0]:.0%} and "
        f"{MASSES[1]:.0%} of it, as the 1- and 2-sigma ellipses do of q.",
    )


def _q(n: _Numbers) -> Formula:
    mean, std = map(_vector, n.analysis.q)
    return Formula(
        rf"q({n.zx}) = \mathcal{{N}}\!\left(z;\ {mean},\ \mathrm{{diag}}{std}^2\right)",
        "The encoder's guess at the posterior: the mean and the two standard deviations that it gives out.",
    )


def _elbo(n: _Numbers) -> Formula:
    terms = n.analysis.terms
    return Formula(
        rf"\mathrm{{ELBO}} = \mathbb{{E}}_q[\log p({n.xz})] - \mathrm{{KL}}(q \,\|\, p(z)) = "
        rf"{n.bare(terms.reconstruction)} - {n.bare(terms.kl)} = {n.known(terms.elbo)}",
        "What training raises: how well codes drawn from q redraw the image, less what it costs to name them"
        + ("." if terms.elbo_settled else ". " + WIDE),
    )


def _reconstruction(n: _Numbers) -> Formula:
    """E_q[log p(x|z)], for a Gaussian of one sigma split in squared error and constant."""
    terms, split = n.analysis.terms, ""
    if n.sigma is not None:
        error = 2 * n.sigma**2 * (terms.perfect - terms.reconstruction)
        split = rf"= -\frac{{{error:.2f}}}{{2 \cdot {n.sigma:.3g}^2}} - 784 \log({n.sigma:.3g} \sqrt{{2\pi}}) "
    return Formula(
        rf"\mathbb{{E}}_q[\log p({n.xz})] {split}= {n.say(terms.reconstruction)}",
        "Reconstruction: how likely the image is given a code drawn from q"
        + ("; over the fraction, the squared error." if split else "."),
    )


def _kl(n: _Numbers) -> Formula:
    return Formula(
        r"\mathrm{KL}(q \,\|\, p(z)) = \sum_{d=1}^{2} \tfrac12(\mu_d^2 + \sigma_d^2 - 1) - \log \sigma_d "
        f"= {n.say(n.analysis.terms.kl)}",
        "How much more the encoder says about z than the prior knew: the length of the first part of the code.",
    )


def _gap(n: _Numbers) -> Formula:
    terms = n.analysis.terms
    return Formula(
        rf"\log p({n.x}) - \mathrm{{ELBO}} = \mathrm{{KL}}(q \,\|\, p({n.zx})) = {n.say(terms.log_px - terms.elbo)}",
        "The gap of the bound is exactly the distance from the guess to the posterior, and it has two parts.",
    )


def _approximation_gap(n: _Numbers) -> Formula:
    gap = n.say(n.analysis.terms.approximation_gap)
    return Formula(
        rf"\min_{{q^* \text{{Gaussian}}}} \mathrm{{KL}}(q^* \,\|\, p({n.zx})) = {gap}",
        "The approximation gap: what even the best Gaussian for this one image loses (the dashed ellipse), because "
        "the posterior is no Gaussian.",
    )


def _amortization_gap(n: _Numbers) -> Formula:
    return Formula(
        rf"\mathrm{{ELBO}}(q^*) - \mathrm{{ELBO}}(q) = {n.known(n.analysis.terms.amortization_gap)}",
        "The amortization gap: what is lost because one encoder has to guess for all images at once.",
    )


def _importance_bound(n: _Numbers) -> Formula:
    return Formula(
        rf"\mathrm{{IW}}_K = \log \frac1K \sum_{{k=1}}^K \frac{{p({n.xz}_k)\, p(z_k)}}{{q(z_k \mid x{n.if_y})}}, "
        r"\quad z_k \sim q",
        "Draws from q, averaged inside the logarithm: the ELBO at K = 1, rising to log p as K grows, here to "
        f"{DRAWS:,}.",
    )


def _simple_monte_carlo(n: _Numbers) -> Formula:
    return Formula(
        rf"\log \frac1K \sum_{{k=1}}^K p({n.xz}_k), \quad z_k \sim p(z)",
        "Simple Monte Carlo: codes drawn from the prior, most of which make no such image. The region that holds "
        f"{MASSES[1]:.0%} of the posterior has {_share(n.analysis.posterior.prior_share)} of the prior.",
    )


def _two_part_code(n: _Numbers) -> Formula:
    code = n.analysis.description
    return Formula(
        rf"\tfrac{{1}}{{\log 2}}\big(\mathrm{{KL}} - \mathbb{{E}}_q[\log p({n.xz})]\big) = "
        rf"{_long(code.latent_bits)} + {_long(code.pixel_bits)} = {_long(code.total_bits)}\ \text{{bits}}",
        "The two-part code: bits that name z, then bits that name the pixels given z"
        f"{'' if code.step == 1 else ' to the nearest of 256 grey levels'}. {code.excess_bits:.1f} of "
        f"them are the excess: the cost of a q that is not the posterior.{_off_levels(code)}",
    )


def _weight_of_kl(n: _Numbers) -> Formula:
    beta = 0.0 if n.sigma is None else 2 * n.sigma**2
    return Formula(
        rf"-2\sigma^2\, \mathrm{{ELBO}} = \mathbb{{E}}_q \lVert x - \hat x(z) \rVert^2 + "
        rf"\beta\, \mathrm{{KL}} + \text{{const}}, \quad \beta = 2\sigma^2 = {beta:.3g}",
        "The knob: the noise that pixels are said to have is the weight of the KL beside the squared error.",
    )


_FORMULAS: tuple[Callable[[_Numbers], Formula], ...] = (
    _log_px,
    _posterior,
    _q,
    _elbo,
    _reconstruction,
    _kl,
    _gap,
    _approximation_gap,
    _amortization_gap,
    _importance_bound,
    _simple_monte_carlo,
    _two_part_code,
)


def terms(analysis: Analysis, unit: str, conditional: bool) -> list[tuple[str, Part, str]]:
    """log p(x) less the gap = ELBO = reconstruction - KL: operators, numbers, and notes on them.

    Args:
        analysis: Has the numbers.
        unit: "nats" or "bits".
        conditional: Whether the model is told the class.
    """
    x, xz = _symbols(conditional)
    has = analysis.terms
    known = "exact" if has.settled else "not settled"
    error, elbo_error = 0.0 if has.settled else has.error, 0.0 if has.elbo_settled else has.elbo_error
    elbo_off, gap_off = (f", ± {number(off, unit)} {unit}" if off else "" for off in (elbo_error, error + elbo_error))
    return [
        ("", Part(f"log p({x})", has.log_px, "exact", "log p(x)"), f"{known}, ± {number(has.error, unit, 3)} {unit}"),
        ("−", Part("gap", has.approximation_gap + has.amortization_gap, "", "gap"), f"what the bound misses{gap_off}"),
        ("=", Part("ELBO", has.elbo, "", "ELBO"), f"the bound{elbo_off}"),
        (
            "=",
            Part(f"E log p({xz})", has.reconstruction, "reconstruction", "reconstruction"),
            f"reconstruction{elbo_off}",
        ),
        ("−", Part("KL(q ‖ p(z))", has.kl, "kl", "KL"), "how far q is from the prior"),
    ]


def gap(analysis: Analysis) -> tuple[Part, list[tuple[Part, str]]]:
    """The gap, and its two parts with a sentence on each.

    Args:
        analysis: Has the numbers.
    """
    has = analysis.terms
    parts = [
        (
            Part("approximation", has.approximation_gap, "approximation", "approximation"),
            "no single Gaussian fits better",
        ),
        (
            Part("amortization", has.amortization_gap, "amortization", "amortization"),
            "what one encoder for all images loses",
        ),
    ]
    return Part("gap", has.approximation_gap + has.amortization_gap, "", "gap"), parts


def cuts(analysis: Analysis, conditional: bool) -> tuple[list[list[Part]], Part]:
    """-ELBO split in both ways, and where to measure from: what a perfect reconstruction would have.

    Args:
        analysis: Has the numbers.
        conditional: Whether the model is told the class.
    """
    x, xz = _symbols(conditional)
    has = analysis.terms
    ways = [
        [Part(f"−E log p({xz})", -has.reconstruction, "reconstruction"), Part("KL", has.kl, "kl")],
        [
            Part(f"−log p({x})", -has.log_px, "exact"),
            Part("approximation", has.approximation_gap, "approximation"),
            Part("amortization", has.amortization_gap, "amortization"),
        ],
    ]
    return ways, Part("all pixels exact", -has.perfect)


def _symbols(conditional: bool) -> tuple[str, str]:
    return ("x | y", "x | z, y") if conditional else ("x", "x | z")


def _off_levels(code: Description) -> str:
    """Why a Gaussian's code is long, where its pixels spread beyond black and white."""
    if code.on_levels > 0.95:
        return ""
    than = f" than the raw image ({RAW_BITS:,} bits)" if code.total_bits > RAW_BITS else ""
    return (
        f" Only {code.on_levels:.0%} of a pixel's density lies on those levels, the rest is spent on values that no "
        f"image has, so the code is longer{than}."
    )


def _long(value: float) -> str:
    return f"{value:,.1f}".replace(",", r"{,}")


def _vector(values: Point) -> str:
    return "(" + r",\,".join(f"{value:.2f}" for value in values) + ")"


def _share(share: float) -> str:
    return f"{share:.0%}" if share > 0.1 else f"one part in {1 / max(share, 1e-12):,.0f}"
