"""A folder of one's own images from end to end: the commands train on it, the app shows its names and images."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from app import errors, html, payloads_with, run, run_page
from own_images import COUNT, NAMES, copy_of_the_app, draw_pets, train_classifier, train_on

from explorer.cache import checkpoints, results
from vae import classifier, evaluate, exact_metrics, metrics
from vae.images.sources import load_dataset
from vae.images.tensors import fingerprint
from vae.storage import checkpoint, stored_checkpoint
from vae.storage.file_pair import CheckpointError

pytestmark = pytest.mark.usefixtures("coarse")

TESTED = 3 * COUNT // 5


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder `pets` and, beside MNIST's, the models that the commands made of it."""
    place = tmp_path_factory.mktemp("own")
    draw_pets(place / "pets")
    (place / "checkpoints").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "EPOCHS", 15)
        patch.setattr(classifier, "BATCH_SIZE", 16)
        train_classifier(place / "pets", place / "checkpoints")
        train_on(place / "pets", place / "checkpoints", "ae", "vae", "cvae")
    return place


@pytest.fixture
def own(trained, tmp_path, monkeypatch):
    """A copy of it that a test may break, as the folder of the app."""
    app = copy_of_the_app(tmp_path / "app")
    shutil.copytree(trained / "checkpoints", app / "checkpoints", dirs_exist_ok=True)
    monkeypatch.setattr(checkpoints, "FOLDER", app / "checkpoints")
    return app


def test_a_checkpoint_knows_its_classes_and_where_its_images_were(trained):
    data = load_dataset(str(trained / "pets"))
    for kind in ("ae", "vae", "cvae"):
        found = checkpoint.read(trained / "checkpoints" / f"pets-{kind}")
        assert found.config.dataset == str(trained / "pets")
        assert found.class_names == NAMES == data.class_names
        assert found.record["test_sha256"] == fingerprint(data.test_images)
        assert torch.equal(found.labels.long(), data.test_labels)
        assert found.model.classes == 3
        codes = metrics.encode(found.model, data.test_images, data.test_labels)
        torch.testing.assert_close(codes, found.codes)
    assert found.model.decoder[0].in_features == 2 + 3
    assert found.model.decode(torch.zeros(3, 2), torch.arange(3)).shape == (3, 1, 28, 28)
    with pytest.raises(ValueError, match=r"y must be in 0\.\.2, got 3\.\.3"):
        found.model.decode(torch.zeros(1, 2), torch.tensor([3]))


def test_the_command_measures_what_the_training_recorded(trained, capsys):
    path = trained / "checkpoints" / "pets-cvae"
    evaluate.main([str(path), "--quick", "--folder", str(trained / "checkpoints"), "--json", str(trained / "figures")])
    found = json.loads((trained / "figures").read_text(encoding="utf-8"))["pets-cvae"]
    recorded = checkpoint.read(path).record["test"]
    assert found.keys() == recorded.keys()
    assert all(found[name] == pytest.approx(value) for name, value in recorded.items())
    assert found["n"] == TESTED
    assert found["class_agreement"] > 0.4  # a third would be chance
    assert "; data:" in capsys.readouterr().out
    row = evaluate.table([checkpoint.read(path)])
    assert f"Likelihood: gaussian, sigma = 0.7071; data: {trained / 'pets'}." in row


def test_the_theory_holds_with_three_classes(trained, monkeypatch):
    monkeypatch.setattr(exact_metrics, "SAMPLES_PER_CLASS", 100)
    monkeypatch.setattr(exact_metrics, "GAP_IMAGES", 6)
    monkeypatch.setattr(classifier, "BATCH_SIZE", 16)
    found = checkpoint.read(trained / "checkpoints" / "pets-cvae")
    pets = load_dataset(str(trained / "pets"))
    figures = evaluate.measure(found.model, found.config, pets, None, thorough=True).metrics
    assert "class_agreement" not in figures  # there was no classifier
    # p(x) >= p(x|y) / 3 on each image, and the integrals know each other to this
    assert figures["log_px_summed_n"] == 6
    assert figures["bayes_accuracy"] > 0.6
    assert figures["cas"] > 0.6


def test_a_classifier_of_other_images_is_not_asked(trained, tmp_path, capsys):
    shipped = stored_checkpoint.FOLDER
    assert evaluate.classifier_of(shipped, "fashion-mnist") is None
    assert "python -m vae.classifier --dataset fashion-mnist" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match=r"has seen mnist only"):
        classifier.load(f"{shipped}/{classifier.NAME}", "kmnist")
    assert stored_checkpoint.names(trained / "checkpoints") == ["pets-ae", "pets-cvae", "pets-vae"]


def test_a_folder_that_changed_is_not_measured_on_in_silence(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "moved")
    pets = tmp_path / "moved" / "pets"
    record = tmp_path / "moved" / "checkpoints" / "pets-vae.json"
    record.write_text(record.read_text(encoding="utf-8").replace(str(trained / "pets"), str(pets)), encoding="utf-8")
    command = [str(record).removesuffix(".json"), "--quick"]
    evaluate.main(command)
    next(pets.glob("cat/*.png")).unlink()
    with pytest.raises(SystemExit, match=r"no longer what pets-vae was trained on"):
        evaluate.main(command)


@pytest.mark.parametrize("page", ["maps", "interpolate", "classes", "bound"])
def test_every_page_shows_a_folders_model(own, page):
    app = run_page(page, left="pets-cvae", right="pets-vae", style="pets-cvae", bound_model="pets-cvae")
    assert errors(app) == []
    for chart in app.get("plotly_chart"):
        names = [trace["name"] for trace in json.loads(chart.proto.spec)["data"]]
        assert names == ["cat", "dog", "owl &amp; &lt;b&gt;co"]
    for choice in app.selectbox:
        if "class" in choice.label.lower():
            assert choice.options == list(NAMES)


def test_the_neighbours_have_their_names_and_their_images(own):
    app = run(left="pets-ae", right="pets-vae")
    assert errors(app) == []
    assert "<figcaption>owl &amp; &lt;b&gt;co</figcaption>" in html(app) or "<figcaption>cat</figcaption>" in html(app)
    assert "<b>co" not in html(app)
    assert re.search(r'alt="test image \d+: (cat|dog|owl)', html(app))
    assert not any("Fetch" in button.label for button in app.button)


def test_a_class_or_an_image_that_the_model_has_not_gives_way(own):
    app = run(left="pets-cvae", label_left="9")
    assert errors(app) == []
    assert app.selectbox("label_left").value == 0
    app = run_page("bound")
    app.number_input("image_bound").set_value(9_999).run()
    app.selectbox("bound_model").set_value("pets-vae").run()
    assert errors(app) == []
    assert app.number_input("image_bound").value == 0
    app.button("previous_image").click().run()
    assert app.number_input("image_bound").value == TESTED - 1


def test_models_of_different_images_do_not_follow_each_others_test_images(own):
    def interpolate(left, right):
        app = run_page("interpolate", left=left, right=right)
        assert errors(app) == []
        (sent,) = payloads_with(app, "sides")
        return app, sent

    app, bridge = interpolate("pets-ae", "pets-vae")
    assert bridge["snap"]
    assert {number.key for number in app.number_input} == {"image_a", "image_b"}
    app, bridge = interpolate("ae", "pets-vae")
    assert not bridge["snap"]
    assert app.toggle("snap").disabled
    assert list(app.number_input) == []
    for side, name in (("left", "ae"), ("right", "pets-vae")):
        codes = checkpoints.resource(name).checkpoint.codes.numpy()
        assert np.abs(codes - bridge["sides"][side]["a"]).sum(1).min() < 0.01


@pytest.mark.parametrize("change", ["gone", "other"])
def test_without_its_folder_a_model_is_shown_but_not_its_images(own, trained, tmp_path, change):
    pets = tmp_path / "pets"
    shutil.copytree(trained / "pets", pets)
    for record in (own / "checkpoints").glob("pets-*.json"):
        record.write_text(
            record.read_text(encoding="utf-8").replace(str(trained / "pets"), str(pets)), encoding="utf-8"
        )
    assert results.test_images(checkpoint.read(own / "checkpoints" / "pets-vae")).shape == (TESTED, 28, 28)
    if change == "gone":
        shutil.rmtree(pets)
    else:
        next(pets.glob("dog/*.png")).unlink()
    app = run(left="pets-ae", right="pets-vae")
    assert errors(app) == []
    assert "reconstructed" in html(app)
    assert "The test images of pets are not shown" in html(app)
    assert not any("Fetch" in button.label for button in app.button)


def test_the_button_names_the_set_that_it_fetches(own, monkeypatch, tmp_path):
    monkeypatch.setenv("VAE_DATA_DIR", str(tmp_path))
    record = own / "checkpoints" / "pets-vae.json"
    written = json.loads(record.read_text(encoding="utf-8"))
    written["config"]["dataset"] = "fashion-mnist"
    record.write_text(json.dumps(written), encoding="utf-8")
    app = run(left="ae", right="pets-vae")
    assert errors(app) == []
    fetch = [button.label for button in app.button if "Fetch" in button.label]
    assert fetch == ["Fetch Fashion-MNIST (31 MB) to see the test images"]  # MNIST's come with the project
