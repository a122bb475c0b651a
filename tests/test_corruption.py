"""Laws of denoising: so many pixels are changed, of what the encoder sees alone, and it learns to undo that."""

import math
from dataclasses import replace

import pytest
import torch
from synthetic import synthetic_digits
from torch.distributions import MultivariateNormal, kl_divergence

from vae import metrics, objectives, ppca, train
from vae.config import TrainConfig
from vae.images.corruption import corrupt
from vae.images.tensors import binarize, to_pixels


@pytest.mark.parametrize("share", [0.0, 0.02, 0.25, 0.9])
@pytest.mark.parametrize("kind", ["drop", "flip"])
@pytest.mark.parametrize("bits", [False, True])
def test_so_many_pixels_are_changed_as_are_asked_for_and_the_others_are_as_they_were(share, kind, bits, device):
    generator, count = torch.Generator(device).manual_seed(0), 100 * 784
    grey = torch.randint(1, 128, (100, 1, 28, 28), generator=generator, device=device)
    images = grey.to(torch.uint8) if bits else grey / 255
    seen = corrupt(images, share, kind, generator)
    changed = seen != images
    assert seen.dtype == images.dtype
    assert abs(int(changed.sum()) - share * count) <= 4 * math.sqrt(count * share * (1 - share))
    if kind == "drop":
        assert (seen[changed] == 0).all()
    else:
        torch.testing.assert_close(seen[changed], (255 if bits else 1) - images[changed])


def draws_of(run):
    """Generators that will draw what those of a run will draw."""
    copies = {}
    for name, generator in run.generators.items():
        copies[name] = torch.Generator(run.device)
        copies[name].set_state(generator.get_state())
    return copies


@pytest.mark.parametrize("corruption", [0.0, 0.4])
@pytest.mark.parametrize("way", ["drop", "flip"])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"], indirect=True)
def test_the_encoder_sees_the_noise_and_the_likelihood_the_clean_image(
    kind, likelihood, corruption, way, digits, device
):
    """A step's loss is that of codes of corrupted images and clean targets, by hand from the same draws."""
    digits, settings = digits.to(device), {"corruption": corruption, "corruption_kind": way}
    config = TrainConfig(model=kind, likelihood=likelihood, network="small", batch_size=200, **settings)
    run = train.Run(config, device, digits)
    draws = draws_of(run)
    order = torch.randperm(200, generator=draws["order"], device=device)
    x, y = to_pixels(digits.train_images[order]), digits.train_labels[order]
    if likelihood == "bernoulli":
        x = binarize(x, draws["binarization"])
    seen = x.clone()
    if corruption:
        hit = torch.rand(x.shape, generator=draws["corruption"], device=device) < corruption
        seen[hit] = 0 if way == "drop" else 1 - x[hit]
    with torch.no_grad():
        kl = torch.zeros(200, device=device)
        if kind == "ae":
            z = run.model.encode(seen)
        else:
            q = run.model.posterior(seen, y)
            z, kl = q.rsample(generator=draws["noise"]), objectives.kl_closed_form(q)
        expected = (kl - run.model.likelihood(z, y).log_prob(x)).mean()
    row = run.epoch(digits.train_images, digits.train_labels, lambda step, terms: None)
    assert row["loss_nats"] == pytest.approx(expected.item(), rel=1e-6)
    assert torch.equal(run.generators["corruption"].get_state(), draws["corruption"].get_state())


def test_the_draws_of_a_run_without_corruption_are_those_that_it_had_before_there_was_any(digits):
    seeds = torch.randint(2**62, (3,), generator=torch.Generator().manual_seed(5)).tolist()
    generators = train.Run(TrainConfig(network="small", seed=5), "cpu", digits).generators
    assert [generators[name].initial_seed() for name in ("order", "noise", "binarization")] == seeds


@torch.no_grad()
def test_the_bound_from_a_corrupted_image_is_below_log_px_by_the_kl_of_its_q():
    """Of a linear model, whose log p(x) and p(z|x) are known: E_q(z|x~)[log p(x, z) / q(z|x~)] of the clean x."""
    generator = torch.Generator().manual_seed(0)
    halves = 0.5 + 0.2 * torch.randn(300, 2, 1, generator=generator).double()
    noise = 0.1 * torch.randn(300, 784, generator=generator).double()
    images = (halves.expand(-1, -1, 392).flatten(1) + noise).reshape(-1, 1, 28, 28)
    model, x, draws = ppca.fit(images).model().double(), images[:3], 2_000
    exact, seen = ppca.of_model(model), corrupt(x, 0.05, "drop", generator)
    q = model.posterior(seen)
    missed = kl_divergence(MultivariateNormal(q.mean, torch.diag_embed(q.variance)), exact.posterior(x))
    many, seen_by_many = x.repeat_interleave(draws, 0), seen.repeat_interleave(draws, 0)
    terms = model.terms(many, None, generator, seen=seen_by_many)
    bound_of_one = model.importance_terms(many, None, 1, generator, seen=seen_by_many).log_px
    assert (missed > 0.5).all()
    for bound in (terms.log_likelihood - terms.kl, bound_of_one):
        of_image = bound.view(3, draws)
        error = of_image.std(1) / math.sqrt(draws)
        assert ((of_image.mean(1) - exact.log_px(x) + missed).abs() < 4 * error + 0.01).all()  # weights are float32


@pytest.mark.parametrize("kind", ["ae", "vae"], indirect=True)
def test_who_has_learned_from_noisy_images_errs_less_on_them(kind):
    digits, errors = synthetic_digits(train=1_000), []
    usual = TrainConfig(model=kind, network="small", sigma=0.1, batch_size=50, learning_rate=1e-2, first_weights="he")
    for corruption in (0.0, metrics.NOISE_SHARE):
        run = train.Run(replace(usual, corruption=corruption), "cpu", digits)
        for _ in range(8):
            run.history.append(run.epoch(digits.train_images, digits.train_labels, lambda step, terms: None))
        errors.append(metrics.squared_error_from_noisy(run.model, digits.test_images, digits.test_labels))
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_cannot_be_had_is_refused(share):
    with pytest.raises(ValueError, match=r"^corruption must be"):
        TrainConfig(corruption=share)


def test_a_model_without_an_encoder_is_refused_any():
    with pytest.raises(ValueError, match=r"^corruption needs an encoder, which objective exact has not"):
        TrainConfig(objective="exact", corruption=0.1)
    TrainConfig(objective="exact", corruption_kind="flip")
