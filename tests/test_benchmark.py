"""Laws of the benchmark: all loops train one model on one objective, and a step costs what is counted for it."""

import json
from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vae import benchmark, distributions, metrics, objectives
from vae.images.tensors import to_pixels

CPU = torch.device("cpu")


class Resident(benchmark.Tutorial):
    """The tutorial's loop on a set that is not on the disk."""

    def __init__(self, data):
        pixels = to_pixels(data.train_images)
        self.loader = torch.utils.data.DataLoader(list(zip(pixels, data.train_labels, strict=True)), benchmark.BATCH)
        self.model, self.device = benchmark.TutorialVAE(), CPU
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)


@pytest.fixture
def pair(digits):
    """Both loops, with the same weights in their models."""
    ours, theirs = benchmark.Ours(benchmark.OURS, digits, CPU), Resident(digits)
    first, codes = (layer for layer in ours.run.model.encoder if isinstance(layer, torch.nn.Linear))
    hidden, last = (layer for layer in ours.run.model.decoder if isinstance(layer, torch.nn.Linear))
    copies = {theirs.model.fc1: first, theirs.model.fc2: hidden, theirs.model.fc3: last}
    with torch.no_grad():
        for mine, other in copies.items():
            mine.weight.copy_(other.weight)
            mine.bias.copy_(other.bias)
        for mine, rows, scale in ((theirs.model.mean, slice(2), 1), (theirs.model.log_variance, slice(2, 4), 2)):
            mine.weight.copy_(scale * codes.weight[rows])
            mine.bias.copy_(scale * codes.bias[rows])
    return ours, theirs


def test_of_the_same_model_both_have_the_same_objective(pair, digits, monkeypatch):
    ours, theirs = pair
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    x = to_pixels(digits.test_images)
    with torch.no_grad():
        q = ours.run.model.posterior(x)
        error = distributions.squared_error(x, ours.run.model.decode(q.mean))
        expected = (error + objectives.kl_closed_form(q)).mean()
        assert theirs.loss(x).item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_step_costs_what_is_counted_for_it(pair, digits):
    ours, _ = pair
    x = to_pixels(digits.train_images[:32])
    with FlopCounterMode(display=False) as counted:
        objectives.loss(ours.run.model.terms(x, None, torch.Generator().manual_seed(0)), beta=1).backward()
    assert ours.operations_per_image() * 32 == counted.get_total_flops()


def test_all_take_turns_and_what_is_told_of_them_adds_up(digits, monkeypatch):
    monkeypatch.setattr(benchmark, "Tutorial", lambda *_: Resident(digits))
    monkeypatch.setattr(benchmark, "peak_flops", lambda *_: 1e12)
    monkeypatch.setattr(benchmark, "TUTORIAL_EPOCHS", 2)
    for name, epochs in (("OURS", 1), ("RECIPE", 3)):
        monkeypatch.setattr(benchmark, name, replace(getattr(benchmark, name), epochs=epochs))
    told = []
    found = benchmark.compare(digits, None, CPU, told.append, 2)
    turns = ["tutorial 0", "tutorial 1", "ours 0", "recipe 0", "recipe 1"]
    turns += ["tutorial 0", "tutorial 1", "recipe 0", "recipe 1", "recipe 0", "recipe 1"]
    assert [line.split(",")[0] for line in told] == turns
    assert found["ratio"] == pytest.approx(found["images_per_second"]["ours"] / found["images_per_second"]["tutorial"])
    reached = found["objective_after_epochs"]
    assert found["goal"] == pytest.approx(sum(each[-1] for each in reached["tutorial"]) / 2)
    totals = [sum(each) for each in found["seconds_of_epochs"]["tutorial"]]
    assert found["seconds_to_goal"]["tutorial"] == pytest.approx(sum(totals) / 2)
    missed = [min(each) > found["goal"] for each in reached["recipe"]]
    assert [each is None for each in found["seconds_to_goal"]["recipe_by_seed"]] == missed
    assert (found["seconds_to_goal"]["recipe"] is None) == any(missed)
    assert json.loads(json.dumps(found)) == found
    table = list(benchmark.rows(found))
    assert {line.count("|") for line in table} == {5}


def test_ours_is_the_loop_that_trains(digits):
    loop = benchmark.Ours(benchmark.OURS, digits, CPU)
    before = loop.objective(digits)
    for _ in range(3):
        loop.epoch()
    assert loop.objective(digits) < before
    terms = metrics.objective_terms(loop.run.model, loop.config, digits.test_images, digits.test_labels)
    means = objectives.metrics(terms, beta=1)
    assert loop.objective(digits) == pytest.approx(means["squared_error"] + means["kl_nats"])


@pytest.mark.parametrize(("gain", "chosen"), [(2.0, "bfloat16"), (1.1, "float32"), (0.01, "float32")])
def test_the_networks_multiply_in_what_is_much_faster(gain, chosen, digits, monkeypatch):
    """Whose steps are, and not only whose products."""
    monkeypatch.setattr(benchmark, "_seconds", lambda epoch, _: epoch())
    monkeypatch.setattr(benchmark.Ours, "epoch", lambda loop: 1 / gain if loop.config.precision == "bfloat16" else 1)
    assert benchmark.fastest(digits, CPU) == chosen


def test_the_peak_is_above_what_a_small_product_reaches():
    a = torch.randn(64, 64)
    assert benchmark.peak_flops(CPU, "float32") > 2 * 64**3 / benchmark._seconds(lambda: a @ a, CPU)
