"""The terms of the field, each with what it means in plain sentences, and as HTML that shows these when it is asked.

A term is a button with a dotted underline; `widgets/terms.js` opens a small box with its sentences where a pointer, the
focus or a tap is on it. The browser has the glossary from the runtime, so that what it draws itself uses the same one.
"""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple


class Meaning(NamedTuple):
    """One or two sentences, and a formula where it helps."""

    sentences: str
    formula: str = ""


SQUARED_ERROR = Meaning(
    "The differences between an image and its reconstruction, squared and added up over its 784 pixels.", "Σ (x − x̂)²"
)
GLOSSARY: Mapping[str, Meaning] = {
    "code": Meaning("The point of the plane at which the encoder puts an image. The maps show one dot for each code."),
    "manifold": Meaning(
        "The image that the decoder makes at each place of the plane, laid out as tiles behind the dots."
    ),
    "prior": Meaning(
        "Where the model expects codes before it has seen an image: around 0, within 3 almost always. "
        "A plain autoencoder has none.",
        "p(z) = N(0, 1) in each direction",
    ),
    "magnification": Meaning(
        "How much the decoded image changes for a small step on the plane: light where it changes much, as between "
        "two classes.",
        "√det(JᵀJ), J the decoder's derivative",
    ),
    "regions": Meaning(
        "Which class a separate classifier, trained on real images only, reads in the image decoded at each place: in "
        "the colour of the class, and paler where it is unsure."
    ),
    "readings": Meaning(
        "The class that a separate classifier, trained on real images only, takes the frame for, with the probability "
        "that it gives it. The line above it has the colour of the class, and is paler where it is unsure."
    ),
    "samples": Meaning(
        "Images that the model makes up: decoded at points that are drawn from the prior, or at codes of test images, "
        "for comparison. A pixel is its mean, or is drawn from the likelihood, with its noise.",
        "z ~ p(z), x ~ p(x | z)",
    ),
    "σ of the prior": Meaning(
        "The unit of distance from the middle of the prior. In a plane 39 % of the prior lies within 1 σ, "
        "86 % within 2 σ and 99 % within 3 σ."
    ),
    "σ of the encoder": Meaning(
        "How unsure the encoder is of the code, in each of the two directions. The ellipses are drawn at 1 and 2 σ."
    ),
    "σ of a pixel": Meaning(
        "How far a pixel may be from what is decoded: the noise of the Gaussian likelihood. A small σ asks for sharp "
        "images, and spreads the codes."
    ),
    "σ as a knob": Meaning(
        "One VAE was trained for each σ of a pixel. A larger σ gives the KL more weight β beside the squared error.",
        "β = 2σ²",
    ),
    "β": Meaning("The weight of the KL in what is trained. At 1 it is the ELBO itself."),
    "KL": Meaning(
        "How far one distribution is from another, in nats; 0 if they are equal. Here: how much more the encoder says "
        "about the code than the prior knew.",
        "KL(q ‖ p) = E_q[log q(z | x) − log p(z)]",
    ),
    "mutual information": Meaning(
        "How much a code that the encoder draws tells of which image it is of, on average. It is at most the KL, and 0 "
        "where all images have the same q.",
        "I(x; z) = E[log q(z | x) − log q(z)]",
    ),
    "active units": Meaning("The directions of the latent space along which codes vary: by a variance of over 0.01."),
    "ELBO": Meaning(
        "The evidence lower bound: it is never above log p(x), can be computed, and training raises it.",
        "ELBO = E_q[log p(x | z)] − KL(q ‖ p)",
    ),
    "log p(x)": Meaning(
        "How likely the model is to make this very image, from whatever code. Higher is better. In a plane it can be "
        "computed exactly.",
        "log p(x) = log ∫ p(x | z) p(z) dz",
    ),
    "p(x | z)": Meaning(
        "How likely the decoder at z makes exactly this image: high where what is decoded is like it. Of pixels that "
        "are any number it is a density, whose logarithm may be of either sign."
    ),
    "reconstruction": Meaning(
        "How likely the image is, given a code that the encoder draws for it, on average over such codes.",
        "E_q[log p(x | z)]",
    ),
    "posterior": Meaning(
        "Which codes may have made this image, given the image: the exact answer, which the encoder's q only "
        "approximates.",
        "p(z | x) = p(x | z) p(z) / p(x)",
    ),
    "q": Meaning("The encoder's guess at the posterior: a Gaussian around the code, with a σ for each direction."),
    "gap": Meaning(
        "What the bound misses: log p(x) less the ELBO. It has two parts, approximation and amortization.",
        "log p(x) − ELBO = KL(q ‖ p(z | x))",
    ),
    "approximation": Meaning(
        "The part of the gap that even the best Gaussian for this one image leaves, because the posterior is no "
        "Gaussian."
    ),
    "amortization": Meaning(
        "The part of the gap that comes from one encoder for all images: its guess is not the best Gaussian for each."
    ),
    "best Gaussian": Meaning(
        "Of all Gaussians with a σ for each direction, the one nearest to this image's posterior."
    ),
    "IW": Meaning(
        "The importance-weighted bound: K draws from q, weighted and averaged inside the logarithm. At K = 1 it is the "
        "ELBO, and it rises to log p(x) as K grows."
    ),
    "simple Monte Carlo": Meaning(
        "Codes drawn from the prior, averaged. Hardly any of them makes an image like this one, so the estimate is too "
        "low almost always."
    ),
    "score function": Meaning(
        "A way to estimate a gradient from draws that need not move: each is weighed by what it is worth, and by how "
        "its own probability changes. It needs no derivative of the decoder, and many draws. Also called REINFORCE.",
        "E_q[log p(x | z) ∇ log q(z | x)]",
    ),
    "baseline": Meaning(
        "What is taken off what a draw is worth before it weighs the draw: here the average of the other draws. The "
        "average of the gradient stays the same, and it scatters much less."
    ),
    "reparameterization": Meaning(
        "A way to estimate a gradient by draws that move: the noise is fixed, the draw is mean + deviation × noise, "
        "and the derivative goes through the decoder. Few draws are enough.",
        "E[∇ log p(x | μ + σ ε)], ε ~ N(0, 1)",
    ),
    "5-NN": Meaning(
        "The share of test images whose class is the one that the 5 nearest codes of training images vote for. "
        "It says how well the plane keeps classes apart."
    ),
    "codes near": Meaning(
        "How many codes of test images lie within a small distance of the point. The distance is chosen so that a "
        "typical code has 20 others, so the number means the same on every map."
    ),
    "overlap": Meaning(
        "Of the 20 codes nearest to a code of either class, the share that is of the other class: 0 where the two lie "
        "apart, 50 % where they lie one over the other."
    ),
    "hole": Meaning(
        "A place with codes on all sides and none near. What is decoded there was never trained. Its size is the "
        "distance of the nearest code, in units of the distance within which codes count as near."
    ),
    "extrapolated": Meaning(
        "No code lies near, so the decoder was never trained here: what it makes need not mean anything."
    ),
    "noise": Meaning(
        "Pixels that are flipped, or moved at random. Two numbers have no room for it: what is decoded shows none of "
        "it, though it may have become another image."
    ),
    "corruption": Meaning(
        "Pixels that are changed, others in each step, in the image that the encoder sees. The image to reconstruct "
        "stays clean, so the model learns to undo the noise, as a denoising autoencoder."
    ),
    "squared error": SQUARED_ERROR,
    "error": SQUARED_ERROR,
    "decoder": Meaning(
        "The widths of the decoder's layers: it takes the numbers of the code, has hidden layers of that many "
        "units, and "
        "gives 784 pixels (28 × 28)."
    ),
    "geodesic": Meaning(
        "The path along which the decoded image changes as little as it can, and evenly. On the plane it bends around "
        "places where a small step changes much."
    ),
    "near codes": Meaning(
        "A geodesic for which a step counts up to 10 times as much where no codes lie, so that it goes around holes. "
        "Its length is measured like that of the others.",
        "JᵀJ / (0.99 h + 0.01), h = 1 near codes, 0 far from them",
    ),
    "no code near": Meaning(
        "The share of the path's points that have no code near, where what is decoded is extrapolated."
    ),
    "length (pixels)": Meaning(
        "By how much the decoded image changes along the path, added up. A pixel that goes from black to white "
        "counts 1."
    ),
    "length (Fisher–Rao)": Meaning(
        "By how much the decoded image changes along the path, added up as distances between distributions of pixels. "
        "A pixel that goes from black to white counts π."
    ),
    "largest step": Meaning(
        "The largest change from one frame to the next, of 121 frames. A jump shows as a large step."
    ),
    "style": Meaning("What the code says of an image when the class is known: slant, width, thickness of the pen."),
    "loss": Meaning(
        "What training makes smaller: reconstruction and KL together, with their signs turned round.",
        "loss = −ELBO, at β = 1",
    ),
    "latent size": Meaning("How many numbers a code has. The maps need 2."),
    "nats": Meaning("The unit of natural logarithms. 1 nat is 1.44 bits; a difference of 1 nat is a factor of 2.72."),
}

OF_FACTS = ("decoder", "error", "KL", "log p(x)", "5-NN")  # of the line under a map

# The widgets of Streamlit whose visible names are terms, by their keys
WIDGETS: Mapping[str, str] = {
    "manifold": "manifold",
    "prior": "prior",
    "magnification": "magnification",
    "regions": "regions",
    "sampling": "samples",
    "sigma": "σ as a knob",
    "unit": "nats",
    "train_sigma": "σ of a pixel",
    "train_beta": "β",
    "train_kl": "KL",
    "train_latent_dim": "latent size",
    "train_corruption": "corruption",
}


def term(name: str, text: str = "") -> str:
    """A term as HTML.

    Args:
        name: The term, as the glossary has it.
        text: What stands on the page for it, if that is another word.
    """
    return part(name, escape(text or name))


def part(name: str, html: str) -> str:
    """A part of a formula that explains itself, as HTML.

    Args:
        name: Its term, as the glossary has it.
        html: The part.
    """
    if name not in GLOSSARY:
        raise KeyError(f"{name} is not in the glossary")
    return f'<button type="button" class="latent-explained" data-term="{escape(name)}">{html}</button>'


def explained(word: str) -> str:
    """A word as HTML, and as a term if the glossary has it."""
    return term(word) if word in GLOSSARY else escape(word)


def mark(html: str, *names: str) -> str:
    """HTML in which some words explain themselves, each where it stands first.

    Args:
        html: Without attributes.
        names: Terms of the glossary that stand in it.
    """
    for name in names:
        html = html.replace(name, term(name), 1)
    return html


def told() -> dict[str, object]:
    """The glossary for the browser."""
    return {"glossary": {name: list(meaning) for name, meaning in GLOSSARY.items()}, "widgets": dict(WIDGETS)}
