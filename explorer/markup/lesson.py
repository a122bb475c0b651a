"""The lesson of the page Learn: what each step says, asks and shows.

Its subject is that of Doersch, Tutorial on variational autoencoders (2016), and of Kingma and Welling, Auto-encoding
variational Bayes (2014).
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from explorer.markup.terms import part, term


class Step(NamedTuple):
    """One step; its words, formula and question are HTML."""

    figure: str  # the name of its live figure in the browser
    title: str
    words: str
    formula: str
    question: str
    answers: tuple[str, str, str]  # of which the figure says which one is right
    page: str  # where the same view is
    choices: Mapping[str, object]  # fields of the state there; "" stands for the image that is shown


KL_OF_Q = part("KL", "KL(q(z | x) ‖ p(z))")
EXPECTED = part("reconstruction", "E<sub>q</sub>[log p(x | z)]")

STEPS = (
    Step(
        "squeeze",
        "Squeeze and restore",
        f"An autoencoder is two networks. The encoder squeezes the 784 pixels of an image into two numbers, the "
        f"image's {term('code')}. The decoder makes 784 pixels of these two again. Both are trained together to bring "
        "back what went in. Each dot of the plane is the code of one test image. Drag the cross: the decoder draws an "
        "image at every place, even where no image was ever encoded.",
        f"x → {part('code', 'z')} → x̂, {part('squared error', 'Σ (x − x̂)²')} as small as can be",
        "What share of the variation between images do two numbers recover?",
        ("about a tenth", "about a half", "nearly all"),
        "interpolate",
        {"left": "ae", "image_a": ""},
    ),
    Step(
        "holes",
        "Holes",
        "To make new images, choose a place at random and decode it. An autoencoder was never asked where its codes "
        f"may lie: they spread as they like, with {term('hole', 'holes')} between them, so all we can do is draw from "
        f"the box around them. A variational autoencoder is trained to put its codes where a {term('prior')} expects "
        "them, close together around 0. White dots are the sixteen places; a frame marks an image without a code near.",
        f"AE: z from anywhere. VAE: z ~ {part('prior', 'p(z) = N(0, 1)')}",
        "Of places chosen at random on the AE's plane, how many lie where no code is near?",
        ("one in twenty", "about a half", "nearly all"),
        "maps",
        {"left": "ae", "right": "vae"},
    ),
    Step(
        "prior_draws",
        "Most z explain nothing",
        f"How likely is it that the model makes this very image? Average over all places: {term('log p(x)')} is the "
        f"logarithm of the average of {term('p(x | z)')}. The plain way is to draw z from the prior and to average. "
        "But most z decode to an image unlike this one, and then p(x | z) is next to nothing: a few lucky draws, the "
        "white dots, carry the whole sum.",
        f"{part('log p(x)', 'p(x)')} = ∫ p(x | z) {part('prior', 'p(z)')} dz ≈ "
        f"{part('simple Monte Carlo', '1/n Σ p(x | z<sub>i</sub>)')}",
        "Of a thousand draws from the prior, how many carry 99 % of the sum?",
        ("nearly all", "about half", "fewer than one in five"),
        "bound",
        {"bound_model": "vae", "image_bound": ""},
    ),
    Step(
        "blob",
        "A blob, not a point",
        "So the encoder of a VAE should say which z are worth a try. It answers with a mean and a standard deviation "
        f"for each direction: a small blob, {term('q')}. To encode is to draw from it: take noise ε from a standard "
        "normal, stretch it by the deviation, add the mean. Move the noise, or draw it, and see what is decoded.",
        f"z = μ(x) + {part('σ of the encoder', 'σ(x)')} · ε, ε ~ N(0, 1)",
        "Encoded twice, the same image gets two codes. How different are the two decoded images?",
        (
            "less than a reconstruction and its image",
            "about as much as a reconstruction and its image",
            "as much as images of two classes",
        ),
        "bound",
        {"bound_model": "vae", "image_bound": ""},
    ),
    Step(
        "gradients",
        "Why the trick is needed",
        "How should the blob move so that its draws explain the image better? One way is the "
        f"{term('score function')}: keep the draws fixed, and weight each by its log p(x | z), or by how far that is "
        f"above the average, the {term('baseline')}. The other is {term('reparameterization')}: keep the noise fixed, "
        "and follow each draw as the blob moves. All are right on average. Each dot is the answer of one draw, the "
        "arrow the exact one.",
        f"∇<sub>μ</sub> {EXPECTED} = E[∇<sub>z</sub> log p(x | z)] = E[log p(x | z) · (z − μ) / σ²]",
        "How many times larger is the variance of the plain score function?",
        ("hardly larger", "some ten times", "over a hundred times"),
        "bound",
        {"bound_model": "vae", "image_bound": ""},
    ),
    Step(
        "encoder",
        "Be the encoder",
        f"Shaded is the exact {term('posterior')}: where this image's code must be. The encoder may answer with one "
        f"{term('q')} only, an ellipse along the axes. Drag it, and pull its two handles. Each q gives a bound on "
        f"log p(x), the {term('ELBO')}: how well its draws rebuild the image, minus the information that the code "
        f"carries beyond the prior. What is missing is the {term('gap')}.",
        f"{part('log p(x)', 'log p(x)')} = {EXPECTED} − {KL_OF_Q} + {part('gap', 'KL(q ‖ p(z | x))')}",
        "How much of log p(x) does the best such ellipse miss for this image?",
        ("less than a quarter of a nat", "up to one nat", "more than a nat"),
        "bound",
        {"bound_model": "vae", "image_bound": ""},
    ),
    Step(
        "price",
        "The price of information",
        f"The {term('KL')} is the price of telling where the code is. It is 0 where q is the prior, and for two "
        "Gaussians a short formula gives it. It is also an average over draws, which comes to the same, slowly. "
        "Tutorials often compute σ² + μ² − log σ − ½ instead. It looks similar, but has its minimum at a different σ.",
        f"{KL_OF_Q} = Σ [½ (σ² + μ² − 1) − log σ] = E<sub>q</sub>[log q(z | x) − log p(z)]",
        "At which σ is that other formula smallest?",
        ("at 1, like the KL", "at 0.71", "at 0.5"),
        "bound",
        {"bound_model": "vae", "image_bound": ""},
    ),
    Step(
        "training",
        "Training",
        "Both networks begin with random weights and see the images again and again, in small batches. The AE makes "
        f"the {term('squared error')} small, the VAE this and the {term('KL')} together: its {term('loss')} is the "
        "negative ELBO. Play, or drag over the curves, and watch the classes part. Time is on a logarithmic axis, "
        "since most happens at first.",
        f"{part('loss', 'loss')} = {part('squared error', 'Σ (x − x̂)²')} + {part('KL', 'KL(q(z | x) ‖ p(z))')}, "
        "for σ² = ½, up to a constant",
        "By when has the AE's squared error done half of its fall?",
        ("within the first epoch", "in the first half of training", "in its second half"),
        "replay",
        {"replay_left": "ae", "replay_right": "vae"},
    ),
    Step(
        "from_nothing",
        "Something from nothing",
        "To make new images no encoder is needed: draw z and decode it. Some draws from the prior fall where no codes "
        "lie; draws from the blobs of all images together do so less often. What is shown as a sample is "
        "mostly the mean of p(x | z). A true draw has the noise of each pixel as well.",
        f"z ~ {part('prior', 'p(z)')}, x ~ N(x̂(z), {part('σ of a pixel', 'σ²')})",
        "What does a true draw from p(x | z) look like beside its mean?",
        ("almost the same", "a little grainy", "mostly noise"),
        "maps",
        {"right": "vae", "manifold": True},
    ),
    Step(
        "gap",
        "The gap",
        f"The ELBO misses log p(x) by the {term('gap')}. Where the posterior is no Gaussian, a part of it is left even "
        f"by the {term('best Gaussian', 'best q')}: {term('approximation')}. The rest comes from one encoder for all "
        f"images: {term('amortization')}. There is a case without any gap: encoder and decoder of one layer each, with "
        "Gaussian pixels. Its posterior is a Gaussian of one shape for every image; only its place differs.",
        f"{part('gap', 'log p(x) − ELBO')} = {part('approximation', 'KL(q* ‖ p(z | x))')} + "
        f"{part('amortization', 'ELBO(q*) − ELBO(q)')}",
        "How wide is the gap of the linear model?",
        ("nothing, whatever the image", "less than the VAE's, but not nothing", "wider than the VAE's"),
        "bound",
        {"bound_model": "vae", "image_bound": ""},
    ),
    Step(
        "bits",
        "Bits",
        "The more likely a model finds an image, the fewer bits it needs to store it. The message has two parts: "
        f"first the code, which costs what it tells beyond the prior, the {term('KL')}; then the pixels, which cost "
        "little once the code is known. Together they are −ELBO, in bits. With the exact posterior for q the message "
        f"would be −log p(x) bits long: the {term('gap')} is what a worse q costs. Here each pixel is black or white.",
        f"bits · log 2 = {KL_OF_Q} − {EXPECTED}",
        "Raw, the image takes 784 bits. How long is the message in two parts?",
        ("nearly as long", "about half as long", "a third of that, or less"),
        "bound",
        {"bound_model": "vae-best", "image_bound": "", "unit": "bits"},
    ),
    Step(
        "knob",
        "The knob",
        f"How exact must a pixel be? That is {term('σ of a pixel', 'σ')}, the noise of p(x | z), and we are free to "
        "choose it. A small σ makes each error dear, so the code must say much, and the blobs are small; a large one "
        "forgives, and the KL weighs more: β = 2σ². Were it larger still, the code would say nothing any more: it "
        "collapses, and the KL is 0. Black-and-white pixels have no σ, and so no such knob.",
        f"−log p(x | z) = Σ (x − x̂)² / (2{part('σ as a knob', 'σ²')}) + 784 log σ + a constant",
        "By how much does the KL grow from σ = 1 to σ = 0.1?",
        ("hardly", "about twofold", "about fivefold"),
        "bound",
        {"bound_model": "family", "sigma": 0.3, "image_bound": ""},
    ),
    Step(
        "told_class",
        "Told the class",
        "A code says above all which digit it is. A conditional VAE is told the class, both when it encodes and when "
        f"it decodes, so the code need not say it again: what is left is the {term('style')}. Move over the map: one "
        "style in all ten digits. Between two labels the decoder was never trained, yet it makes something of that "
        "too.",
        f"log p(x | y) ≥ E<sub>q</sub>[log p(x | z, y)] − {part('KL', 'KL(q(z | x, y) ‖ p(z))')}",
        "How often do a code's five nearest neighbours now predict its class?",
        ("nearly always", "in a third of the cases", "about as often as chance, one in ten"),
        "classes",
        {"style": "cvae"},
    ),
    Step(
        "two_numbers",
        "Two numbers for 784",
        "To find two numbers that say most of an image is older than neural networks. Principal component analysis "
        "does it by one affine layer each way; the best linear VAE finds the same plane. Choose an image, and compare "
        "what each of the three makes of it.",
        f"PCA: x̂ = W z + b. {part('5-NN', '5-NN')}: the class by the 5 nearest codes",
        "Which of the three rebuilds images with the smallest squared error?",
        ("PCA", "AE", "VAE"),
        "maps",
        {"left": "ppca", "middle": "ae", "right": "vae"},
    ),
)


def whole(html: str) -> str:
    """HTML that stays in one line."""
    return f'<span class="latent-unbroken">{html}</span>'


def unbroken(words: str) -> str:
    """Words, as HTML, whose terms such as p(x | z) are not broken into two lines."""
    return re.sub(r"<[^>]*>|((?:log )?\w\([^()]*\))", lambda found: whole(found[1]) if found[1] else found[0], words)


def in_lines(formula: str) -> str:
    """A formula, as HTML, that is broken into lines only before operators outside of its brackets, or after a comma."""
    parts, depth = [""], 0
    for each in re.findall(r"<[^>]*>|.", formula):
        depth += (each[:2] == "<b" or each in "([") - (each[:3] == "</b" or each in ")]")
        parts[-1] += each
        if depth == 0 and each == " ":
            parts.append("")
    lines = [parts[0]]
    for before, after in pairwise(parts):
        if after[0] in "=≈≥+−" or before[-2] in ".,":
            lines.append(after)
        else:
            lines[-1] += after
    return " ".join(whole(line.strip()) for line in lines)


def opened(step: int, image: int) -> tuple[str, dict[str, object]]:
    """The page on which a step's view is, and the fields of the state for it.

    Args:
        step: Its number, from 1.
        image: The index of the image that is shown.
    """
    wanted = STEPS[step - 1]
    return wanted.page, {name: image if value == "" else value for name, value in wanted.choices.items()}
