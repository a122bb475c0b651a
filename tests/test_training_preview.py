"""Laws of the preview: what is shown of a training is the model as it was after that epoch, and nothing else."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from observing import OnEpoch

from explorer.quantities import decode, points, training_preview
from vae import train
from vae.config import TrainConfig
from vae.images.tensors import Split
from vae.storage.checkpoint import Checkpoint
from vae.storage.file_pair import CheckpointError

CONFIG = TrainConfig(batch_size=32, epochs=3, network="small")


@pytest.fixture(params=["ae", "vae", "cvae"])
def config(request):
    return dataclasses.replace(CONFIG, model=request.param)


@pytest.fixture
def seen(digits):
    """The test images, as the app has them."""
    return Split(digits.test_images, digits.test_labels)


def test_each_epoch_shows_the_model_of_that_epoch(config, digits, seen, tmp_path):
    shown, file = [training_preview.untrained(config, seen)], tmp_path / "some.resume.pt"

    def look(row):
        shown.append(training_preview.after_epoch(file, seen))

    trained = train.train(config, digits, observers=[OnEpoch(look)], resume_file=file)
    assert [each.epoch for each in shown] == [0, 1, 2, 3]
    for one, other in pairwise(shown):
        assert np.abs(one.codes - other.codes).max() > 1e-3
        assert (one.labels == seen.labels.numpy()).all()
    assert shown[-1].codes == pytest.approx(trained.codes.numpy(), abs=1e-5)


def test_the_picture_of_a_plane_is_its_decode_where_the_map_has_it(digits, seen):
    found = training_preview.untrained(CONFIG, seen)
    model = train.train(dataclasses.replace(CONFIG, epochs=1), digits).model
    checkpoint = Checkpoint("some", CONFIG, model, torch.from_numpy(found.codes), digits.test_labels.byte(), {})
    found = training_preview.trained(checkpoint)
    (x0, x1), (y0, y1) = found.window
    for row, column in ((0, 0), (3, 8), (9, 9)):
        z = x0 + (column + 0.5) / 10 * (x1 - x0), y1 - (row + 0.5) / 10 * (y1 - y0)
        difference = found.images[row, column].astype(int) - decode.at(model, np.array([z]))[0]
        assert np.abs(difference).max() <= 1


def test_the_picture_of_a_conditional_model_has_a_class_a_row_and_a_style_a_column(digits):
    trained = train.train(dataclasses.replace(CONFIG, model="cvae"), digits)
    found = training_preview.trained(trained)
    for digit, style in ((0, 9), (4, 0), (9, 5)):
        decoded = decode.at(trained.model, points.sunflower(10)[style][None], digit)[0]
        assert np.abs(found.images[digit, style].astype(int) - decoded).max() <= 1
        assert (found.images[digit, style] != found.images[(digit + 1) % 10, style]).any()


@pytest.mark.parametrize("dimensions", [1, 3])
def test_a_model_without_a_plane_has_a_picture_and_no_window(config, seen, dimensions):
    found = training_preview.untrained(dataclasses.replace(config, latent_dim=dimensions), seen)
    assert found.window is None
    assert found.codes.shape == (60, dimensions)
    assert found.images.shape == (10, 10, 28, 28)


def test_the_codes_that_are_sent_are_the_codes(seen):
    found = training_preview.untrained(CONFIG, seen)
    sent, scale = training_preview.quantised(found)
    codes = np.frombuffer(sent, "<i2").reshape(-1, 2) * np.array(scale)
    assert np.abs(codes - found.codes).max() <= 0.51 * max(scale)
    assert max(scale) < 1e-4 * np.abs(found.codes).max()


SPOIL = {
    "no configuration": lambda state: state.pop("config"),
    "another's configuration": lambda state: state["config"].update(network="deep"),
    "no model": lambda state: state.update(model=None),
    "no history": lambda state: state.pop("history"),
    "weights cut": lambda state: state["model"].popitem(),
    "weights not finite": lambda state: state["model"]["encoder.0.bias"].fill_(float("nan")),
    "codes not finite": lambda state: state["model"]["encoder.2.weight"].fill_(3e38),
}


@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL.keys())
def test_a_state_that_cannot_be_shown_is_refused(digits, seen, tmp_path, spoil):
    file = tmp_path / "some.resume.pt"
    train.train(dataclasses.replace(CONFIG, epochs=1), digits, resume_file=file)
    state = torch.load(file, weights_only=True)
    assert training_preview.after_epoch(file, seen).epoch == 1
    spoil(state)
    torch.save(state, file)
    with pytest.raises(CheckpointError):
        training_preview.after_epoch(file, seen)


def test_images_of_other_classes_than_the_training_has_are_refused(digits, seen, tmp_path):
    file = tmp_path / "some.resume.pt"
    train.train(dataclasses.replace(CONFIG, model="cvae", epochs=1), digits, resume_file=file)
    with pytest.raises(CheckpointError):
        training_preview.after_epoch(file, seen._replace(class_names=("a", "b")))
