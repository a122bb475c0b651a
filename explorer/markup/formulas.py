"""The quantities of the page Bound with one image's numbers: as an equation, as lengths, and as formulas in words."""

from collections.abc import Callable
from typing import NamedTuple

from explorer.markup.bars import Part, number
from explorer.quantities.bound import DRAWS, Code, Evidence
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


def formulas(found: Evidence, unit: str, given: str, sigma: float | None) -> list[Formula]:
    """The quantities from the integral to the code; `given` is "" or, of a conditional model, "y = 3".

    `sigma` is that of a Gaussian likelihood whose pixels share one, else None.
    """
    has, q = found.terms, found.q

    def bare(nats: float, decimals: int = 2) -> str:
        return number(nats, unit, decimals).replace("−", "-").replace(",", r"{,}")

    def say(nats: float, decimals: int = 2) -> str:
        return bare(nats, decimals) + WORDS[unit]

    def known(nats: float) -> str:
        """A number that follows from an ELBO."""
        return say(nats) if has.elbo_settled else rf"{bare(nats)} \pm {say(has.elbo_error)}"

    x = rf"x \mid {given}" if given else "x"
    if_y = f", {given}" if given else ""
    xz, zx = rf"x \mid z{if_y}", rf"z \mid x{if_y}"
    gap = has.log_px - has.elbo
    said = [
        Formula(
            rf"\log p({x}) = \log \int p({xz})\, p(z)\, dz = {say(has.log_px)} \pm {say(has.error, 3)}",
            "How likely the model makes this image, from whatever code. Called intractable; in a plane it is a sum, "
            + (SETTLED if has.settled else UNSETTLED),
        ),
        Formula(
            rf"p({zx}) = \frac{{p({xz})\, p(z)}}{{p({x})}}, \quad z = "
            rf"{_vector(found.mean)} \pm {_vector(found.std)}",
            f"The exact posterior: where this image's code must be. Its two lines hold {MASSES[0]:.0%} and "
            f"{MASSES[1]:.0%} of it, as the 1- and 2-sigma ellipses do of q.",
        ),
        Formula(
            rf"q({zx}) = \mathcal{{N}}\!\left(z;\ {_vector(q.mean)},\ \mathrm{{diag}}{_vector(q.std)}^2\right)",
            "The encoder's guess at the posterior: the mean and the two standard deviations that it gives out.",
        ),
        Formula(
            rf"\mathrm{{ELBO}} = \mathbb{{E}}_q[\log p({xz})] - \mathrm{{KL}}(q \,\|\, p(z)) = "
            rf"{bare(has.reconstruction)} - {bare(has.kl)} = {known(has.elbo)}",
            "What training raises: how well codes drawn from q redraw the image, less what it costs to name them"
            + ("." if has.elbo_settled else ". " + WIDE),
        ),
        _reconstruction(found, xz, sigma, say),
        Formula(
            r"\mathrm{KL}(q \,\|\, p(z)) = \sum_{d=1}^{2} \tfrac12(\mu_d^2 + \sigma_d^2 - 1) - \log \sigma_d "
            f"= {say(has.kl)}",
            "How much more the encoder says about z than the prior knew: the length of the first part of the code.",
        ),
        Formula(
            rf"\log p({x}) - \mathrm{{ELBO}} = \mathrm{{KL}}(q \,\|\, p({zx})) = {say(gap)}",
            "The gap of the bound is exactly the distance from the guess to the posterior, and it has two parts.",
        ),
        Formula(
            rf"\min_{{q^* \text{{Gaussian}}}} \mathrm{{KL}}(q^* \,\|\, p({zx})) = {say(has.family)}",
            "The approximation gap: what even the best Gaussian for this one image loses (the dashed ellipse), because "
            "the posterior is no Gaussian.",
        ),
        Formula(
            rf"\mathrm{{ELBO}}(q^*) - \mathrm{{ELBO}}(q) = {known(has.amortisation)}",
            "The amortization gap: what is lost because one encoder has to guess for all images at once.",
        ),
        Formula(
            rf"\mathrm{{IW}}_K = \log \frac1K \sum_{{k=1}}^K \frac{{p({xz}_k)\, p(z_k)}}{{q(z_k \mid x{if_y})}}, "
            r"\quad z_k \sim q",
            "Draws from q, averaged inside the logarithm: the ELBO at K = 1, rising to log p as K grows, here to "
            f"{DRAWS:,}.",
        ),
        Formula(
            rf"\log \frac1K \sum_{{k=1}}^K p({xz}_k), \quad z_k \sim p(z)",
            "Simple Monte Carlo: codes drawn from the prior, most of which make no such image. The region that holds "
            f"{MASSES[1]:.0%} of the posterior has {_share(found.landscape.prior_share)} of the prior.",
        ),
        Formula(
            rf"\tfrac{{1}}{{\log 2}}\big(\mathrm{{KL}} - \mathbb{{E}}_q[\log p({xz})]\big) = "
            rf"{_long(found.code.latent_bits)} + {_long(found.code.pixel_bits)} = {_long(found.code.total_bits)}"
            r"\ \text{bits}",
            "The two-part code: bits that name z, then bits that name the pixels given z"
            f"{'' if found.code.step == 1 else ' to the nearest of 256 grey levels'}. {found.code.excess_bits:.1f} of "
            f"them are the excess: the cost of a q that is not the posterior.{_off_levels(found.code)}",
        ),
    ]
    if sigma is not None:
        said.append(
            Formula(
                rf"-2\sigma^2\, \mathrm{{ELBO}} = \mathbb{{E}}_q \lVert x - \hat x(z) \rVert^2 + "
                rf"\beta\, \mathrm{{KL}} + \text{{const}}, \quad \beta = 2\sigma^2 = {2 * sigma**2:.3g}",
                "The knob: the noise that pixels are said to have is the weight of the KL beside the squared error.",
            )
        )
    return said


def terms(found: Evidence, unit: str, conditional: bool) -> list[tuple[str, Part, str]]:
    """log p(x) less the two gaps = ELBO = reconstruction - KL: operators, numbers, and notes on them."""
    x, xz = _given(conditional)
    has = found.terms
    known = "exact" if has.settled else "not settled"
    off = "" if has.settled else f", ± {number(has.error, unit)} {unit}"
    elbo_off = "" if has.elbo_settled else f", ± {number(has.elbo_error, unit)} {unit}"
    return [
        ("", Part(f"log p({x})", has.log_px, "exact"), f"{known}, ± {number(has.error, unit, 3)} {unit}"),
        ("−", Part("approximation gap", has.family, "family"), f"what the best Gaussian loses{off}"),
        ("−", Part("amortization gap", has.amortisation, "amortisation"), f"what one encoder for all adds{elbo_off}"),
        ("=", Part("ELBO", has.elbo), f"the bound{elbo_off}"),
        ("=", Part(f"E log p({xz})", has.reconstruction, "reconstruction"), f"reconstruction{elbo_off}"),
        ("−", Part("KL(q ‖ p(z))", has.kl, "kl"), "what q says beyond the prior"),
    ]


def cuts(found: Evidence, conditional: bool) -> tuple[list[list[Part]], Part]:
    """-ELBO cut in both ways, and where to measure from: what a perfect reconstruction would have."""
    x, xz = _given(conditional)
    has = found.terms
    ways = [
        [Part(f"−E log p({xz})", -has.reconstruction, "reconstruction"), Part("KL", has.kl, "kl")],
        [
            Part(f"−log p({x})", -has.log_px, "exact"),
            Part("approximation gap", has.family, "family"),
            Part("amortization gap", has.amortisation, "amortisation"),
        ],
    ]
    return ways, Part("perfect", -has.perfect)


def _given(conditional: bool) -> tuple[str, str]:
    return ("x | y", "x | z, y") if conditional else ("x", "x | z")


def _reconstruction(found: Evidence, xz: str, sigma: float | None, say: Callable[[float], str]) -> Formula:
    """E_q[log p(x|z)], for a Gaussian of one sigma split in squared error and constant."""
    has = found.terms
    split = ""
    if sigma is not None:
        error = 2 * sigma**2 * (has.perfect - has.reconstruction)
        split = rf"= -\frac{{{error:.2f}}}{{2 \cdot {sigma:.3g}^2}} - 784 \log({sigma:.3g} \sqrt{{2\pi}}) "
    return Formula(
        rf"\mathbb{{E}}_q[\log p({xz})] {split}= {say(has.reconstruction)}",
        "Reconstruction: how likely the image is given a code drawn from q"
        + ("; over the fraction, the squared error." if sigma is not None else "."),
    )


def _off_levels(code: Code) -> str:
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


def _vector(values: tuple[float, float]) -> str:
    return "(" + r",\,".join(f"{value:.2f}" for value in values) + ")"


def _share(share: float) -> str:
    return f"{share:.0%}" if share > 0.1 else f"one part in {1 / max(share, 1e-12):,.0f}"
