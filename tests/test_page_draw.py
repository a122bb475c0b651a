"""The page Draw without a browser: drawings, uploads, and what only the server can compute."""

import base64

import numpy as np
import pytest
from app import DRAWING, DRAWN, errors, file_of, payload, run_page

from explorer.cache import checkpoints, results
from explorer.state import unpacked
from explorer.views import draw
from vae.images.mnist_form import mnist_form

pytestmark = pytest.mark.usefixtures("coarse")


def pad(app):
    """What the page Draw sends to its pad."""
    return payload(app, part="pad")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"not an image at all", "not an image in a format that can be read"),
        (b"", "not an image in a format that can be read"),
        (file_of(np.full((60, 60), 255, dtype=np.uint8)), "empty"),
        (b"P6 9000 9000 255 ", "9,000 x 9,000 pixels"),
        (
            file_of(np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8))[:900],
            "it is damaged",
        ),
    ],
    ids=["no image", "no bytes", "white", "too large", "cut short"],
)
def test_what_is_no_digit_gets_one_clear_sentence(content, told):
    app = run_page("draw", drawing=DRAWING)
    app.file_uploader[0].set_value(("digit.png", content, "image/png")).run()
    (message,) = errors(app)
    assert told in message
    assert pad(app)["form"] == DRAWN  # what was drawn is still there
    app.file_uploader[0].set_value(("digit.png", file_of(dark_bar()), "image/png")).run()
    assert errors(app) == []


def dark_bar():
    """A slanted bar with a foot, dark on light."""
    image = np.full((200, 150), 240, dtype=np.uint8)
    for row in range(30, 170):
        image[row, 50 + row // 5 : 65 + row // 5] = 20
    image[152:170, 70:90] = 20
    return image


def test_an_example_is_a_test_image(monkeypatch):
    monkeypatch.setattr("explorer.views.draw.random.randrange", lambda count: count - 3)
    app = run_page("draw")
    next(button for button in app.button if button.label == "Example").click().run()
    assert not app.exception
    expected = results.test_images(checkpoints.resource("vae").checkpoint)[-3]
    assert unpacked(app.query_params["drawing"]) == expected.tobytes()


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "webp"])
def test_an_uploaded_image_is_the_drawing(kind):
    app = run_page("draw")
    assert pad(app)["loaded"] == 0
    app.file_uploader[0].set_value((f"digit.{kind}", file_of(dark_bar(), kind), f"image/{kind}")).run()
    assert errors(app) == []
    form = np.frombuffer(unpacked(app.query_params["drawing"]), np.uint8).reshape(28, 28)
    expected = mnist_form(dark_bar()).astype(int)
    assert np.abs(form - expected).mean() < (1 if kind in ("png", "bmp", "gif") else 6)
    assert pad(app)["loaded"] == 1
    assert base64.b64decode(pad(app)["form"]) == form.tobytes()


@pytest.mark.fault("what lay beside the digit in a picture was read as the digit")
def test_what_else_an_uploaded_picture_shows_is_said_until_the_next_drawing():
    framed = np.pad(dark_bar(), 8, constant_values=0)
    app = run_page("draw")

    def said():
        return [caption.value for caption in app.caption if "Something else is in the picture" in caption.value]

    app.file_uploader[0].set_value(("digit.png", file_of(framed), "image/png")).run()
    assert len(said()) == 1
    form = np.frombuffer(unpacked(app.query_params["drawing"]), np.uint8).reshape(28, 28)
    assert np.abs(form.astype(int) - mnist_form(dark_bar())).mean() < 4
    app.file_uploader[0].set_value(("digit.png", file_of(dark_bar()), "image/png")).run()
    assert said() == errors(app) == []
    app.file_uploader[0].set_value(("digit.png", file_of(framed), "image/png")).run()
    assert len(said()) == 1
    app.file_uploader[0].set_value(("digit.png", b"", "image/png")).run()
    assert (len(errors(app)), said()) == (1, [])  # one message at a time


def test_the_browser_is_left_to_find_what_it_can(own_folder):
    app = run_page("draw", drawing=DRAWING, left="cvae-best")
    assert errors(app) == []
    left, right = (pad(app)["sides"][side] for side in ("left", "right"))
    assert left["encoder"] is None
    assert left["likelihood"] == {"bernoulli": True, "sigma": None, "linear": False}
    assert right["likelihood"] == {"bernoulli": False, "sigma": pytest.approx(0.5**0.5), "linear": False}
    assert "code" not in left
    assert pad(app)["classes"] is None


def test_what_only_the_server_can_find_comes_with_the_drawing(own_folder, monkeypatch):
    monkeypatch.setattr(draw, "likelihood", lambda resource: None)  # as where each pixel has its own sigma
    app = run_page("draw", drawing=DRAWING, left="cvae-best")
    assert errors(app) == []
    left, right = (pad(app)["sides"][side] for side in ("left", "right"))
    assert len(left["code"]) == len(left["q"]["std"]) == 2
    assert right["encoder"]
    assert "code" not in right
    assert sum(pad(app)["classes"]["probabilities"]) == pytest.approx(1)
    assert len(pad(app)["classes"]["codes"]) == 10


def test_without_a_conditional_model_the_maps_still_follow(own_folder):
    for name in ("cvae", "cvae-best"):
        (own_folder / f"{name}.json").unlink()
    app = run_page("draw", {"form": DRAWN, "label": None})
    assert errors(app) == []
    assert pad(app)["style"] is None
    assert set(pad(app)["sides"]) == {"left", "right"}
