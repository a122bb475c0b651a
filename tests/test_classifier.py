"""Laws of the classifier."""

from pathlib import Path

import pytest
import torch

from vae import classifier
from vae.storage.file_pair import CheckpointError, read_record, write_pair
from vae.storage.stored_checkpoint import FOLDER

SHIPPED = Path(__file__).parent.parent / FOLDER / classifier.NAME


def test_it_learns_and_leaves_the_global_stream_alone(digits, device, monkeypatch):
    monkeypatch.setattr(classifier, "EPOCHS", 10)
    monkeypatch.setattr(classifier, "BATCH_SIZE", 50)
    before = torch.get_rng_state()
    model = classifier.train(digits, device).cpu()
    assert torch.equal(torch.get_rng_state(), before)
    assert classifier.accuracy(model, digits.test_images, digits.test_labels) > 0.3  # a shift blurs these ten classes


def test_a_shift_moves_an_image_and_loses_nothing_of_it(digits, generator, device):
    x = digits.train_images[:, None].float().to(device)
    shifted = [classifier._shift(x, generator) for _ in range(20)]
    assert all(torch.equal(part.sum((1, 2, 3)), x.sum((1, 2, 3))) for part in shifted)
    assert any(not torch.equal(part, x) for part in shifted)


def test_the_shipped_one_is_small_and_knows_its_digits():
    assert read_record(Path(f"{SHIPPED}.json"))["test"]["accuracy"] >= 0.99
    assert Path(f"{SHIPPED}.pt").stat().st_size < 500_000
    assert not classifier.load(SHIPPED).training


def test_what_it_says_of_an_image_hangs_on_no_other_image(digits):
    x = digits.test_images[:20, None].float() / 255
    for model in (classifier.load(SHIPPED), classifier.train(digits)):
        alone = torch.cat([model(image[None]) for image in x])
        torch.testing.assert_close(model(x), alone, rtol=1e-4, atol=1e-4)
        model.train()
        for layer in model:
            if isinstance(layer, torch.nn.Dropout):
                layer.eval()
        torch.testing.assert_close(model(x), alone, rtol=1e-4, atol=1e-4)


@pytest.mark.mnist
def test_the_recorded_accuracy_is_that_of_the_shipped_weights(mnist):
    found = classifier.accuracy(classifier.load(SHIPPED), mnist.test_images, mnist.test_labels)
    assert found == pytest.approx(read_record(Path(f"{SHIPPED}.json"))["test"]["accuracy"], abs=2e-4)


def test_a_missing_or_foreign_one_names_the_command(tmp_path):
    with pytest.raises(CheckpointError, match=r"`python -m vae.classifier`"):
        classifier.load(tmp_path / "classifier")
    write_pair(tmp_path / "classifier", {"weights": {}}, {"run_id": "one"})
    with pytest.raises(CheckpointError, match=r"`python -m vae.classifier`"):
        classifier.load(tmp_path / "classifier")
