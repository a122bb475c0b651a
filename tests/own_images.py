"""A folder of a person's own images, and models trained on it by the command: for the tests of app and browser."""

import shutil

import numpy as np
from chromium import ROOT
from PIL import Image

from vae import classifier, train

NAMES = ("cat", "dog", "owl & <b>co")
COUNT = 30  # images a class


def draw_pets(folder):
    """Three shapes that can be told apart, drawn dark on white in odd sizes and formats."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:60, :60]
    for label, name in enumerate(NAMES):
        (folder / name).mkdir(parents=True)
        for i in range(COUNT):
            x, y, size = generator.uniform((25, 25, 12), (35, 35, 20))
            disc = np.hypot(columns - x, rows - y) < size
            bar = (abs(columns - x) < 5) & (abs(rows - y) < size)
            ink = (disc, bar, disc & ~bar)[label]
            image = Image.fromarray(np.where(ink, 20, 245).astype(np.uint8)[: 60 - i % 7])
            image.convert(("L", "RGB", "P")[i % 3]).save(folder / name / f"{i}.{('png', 'jpg', 'gif')[i % 3]}")


def train_on(dataset, folder, *models):
    """`python -m vae.train --dataset ...` for each kind of model, quickly measured."""
    settings = ["--dataset", str(dataset), "--folder", str(folder), "--device", "cpu", "--quick"]
    settings += ["--network", "small", "--epochs", "12", "--batch-size", "16"]
    for model in models:
        train.main([*settings, "--model", model, "--name", f"pets-{model}"])


def train_classifier(dataset, folder):
    """`python -m vae.classifier --dataset ...`."""
    classifier.main(["--dataset", str(dataset), "--folder", str(folder), "--device", "cpu"])


def copy_of_the_app(place):
    """The project with checkpoints of its own."""
    for part in ("explorer", "vae"):
        shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
    (place / "checkpoints").mkdir()
    for file in ("ae.pt", "ae.json", "vae.pt", "vae.json"):
        shutil.copy(ROOT / "checkpoints" / file, place / "checkpoints")
    return place
