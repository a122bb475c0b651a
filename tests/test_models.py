"""Laws that hold for each model with each likelihood."""

import pytest
import torch
from torch.nn.functional import one_hot

from vae.config import TrainConfig
from vae.inference.decoded_lattice import DecodedLattice
from vae.models import AE, build
from vae.objectives import kl_closed_form, loss


def test_encode_and_decode_are_the_means_of_posterior_and_likelihood(model, x, y, z):
    assert torch.equal(model.decode(z, y), model.likelihood(z, y).mean)
    assert model.decode(z, y).min() >= 0
    assert model.decode(z, y).max() <= 1
    assert model.has_prior == hasattr(model, "prior") == hasattr(model, "posterior") == (not isinstance(model, AE))
    if model.has_prior:
        assert torch.equal(model.encode(x, y), model.posterior(x, y).mean)


@pytest.fixture(params=["vae", "cvae"])
def without_encoder(request, device):
    config = TrainConfig(model=request.param, objective="exact", likelihood="bernoulli", network="small")
    return build(config).to(device).requires_grad_(False)


def test_a_model_without_an_encoder_reads_its_posteriors_from_its_decoder(without_encoder, x, y, generator):
    model, x, y = without_encoder, x.float(), y % 2
    labels = one_hot(y, model.classes).float() if model.conditional else None
    expected = DecodedLattice(model).posterior(x, y)
    for q in (model.posterior(x, y), model.unchecked_posterior(x, labels)):
        assert torch.equal(q.mean, expected.mean)
        assert torch.equal(q.log_std, expected.log_std)
    assert torch.equal(model.encode(x, y), expected.mean)
    torch.testing.assert_close(model.terms(x, labels, generator).kl, kl_closed_form(expected))


def test_its_lattice_is_kept_for_as_long_as_its_weights_are_what_they_were(without_encoder):
    model = without_encoder
    kept = model.lattice()
    assert model.lattice() is kept
    changes = [lambda: model.decoder[-1].bias.add_(1), model.double, lambda: model.load_state_dict(model.state_dict())]
    for change in changes:
        change()
        assert model.lattice() is not kept
        kept = model.lattice()
        assert model.lattice() is kept


def test_a_prior_is_the_standard_normal(z, device):
    prior = build(TrainConfig(model="vae")).to(device).double().prior()
    standard = torch.distributions.MultivariateNormal(torch.zeros_like(z[0]), torch.eye(2, device=device).double())
    torch.testing.assert_close(prior.log_prob(z), standard.log_prob(z))


def test_each_image_is_treated_alone(model, x, y, z):
    for i in (0, 7):
        torch.testing.assert_close(model.encode(x[i : i + 1], y[i : i + 1])[0], model.encode(x, y)[i])
        torch.testing.assert_close(model.decode(z[i : i + 1], y[i : i + 1])[0], model.decode(z, y)[i])


def test_a_model_that_starts_from_images_takes_them_for_standard_ones(kind, likelihood, x, y, device):
    config = TrainConfig(model=kind, likelihood=likelihood, first_weights="he", latent_dim=3)
    before, after = (build(config).to(device).double() for _ in range(2))
    images = 0.3 * x + 0.1
    after.start_from(images)
    mean, deviation = images.mean(0), images.var(0, correction=0).mean().sqrt()
    torch.testing.assert_close(after.encode(images, y), before.encode((images - mean) / deviation, y))
    origin = torch.zeros(8, 3, device=device).double()
    logits = [each.decode(origin, y).logit() for each in (before, after)]
    torch.testing.assert_close(logits[1] - logits[0], mean.logit().expand(8, -1, -1, -1))


def test_a_linear_model_that_starts_from_images_decodes_their_mean_at_the_origin(kind, x, y, device):
    config = TrainConfig(model=kind, network="linear", first_weights="he")
    before, after = (build(config).to(device).double() for _ in range(2))
    after.start_from(x)
    origin = torch.zeros(8, 2, device=device).double()
    difference = after.decode(origin, y) - before.decode(origin, y)
    torch.testing.assert_close(difference, x.mean(0).expand(8, -1, -1, -1))


def test_a_linear_model_is_affine_each_way(kind, x, y, z, device):
    """The image halfway between two points is halfway between their images, and so it is with codes."""
    model = build(TrainConfig(model=kind, network="linear", likelihood="gaussian-shared")).to(device).double()
    label = torch.zeros_like(y)
    one, other = z, z.flip(0)
    halfway = 0.5 * (model.decode(one, label) + model.decode(other, label))
    torch.testing.assert_close(model.decode(0.5 * (one + other), label), halfway)
    halfway = 0.5 * (model.encode(x, label) + model.encode(x.flip(0), label))
    torch.testing.assert_close(model.encode(0.5 * (x + x.flip(0)), label), halfway)
    assert model.decode(100 * z, y).abs().max() > 1  # no sigmoid holds it


@pytest.mark.parametrize("likelihood", ["gaussian-pixel", "bernoulli-grey", "bernoulli"], indirect=True)
def test_a_linear_network_refuses_a_likelihood_that_is_not_linear(kind, likelihood):
    with pytest.raises(
        ValueError, match=f"network linear needs likelihood gaussian or gaussian-shared, got {likelihood}"
    ):
        TrainConfig(model=kind, network="linear", likelihood=likelihood)


def test_coarse_products_are_those_of_many_inputs_alone(kind, x, y, device):
    model = build(TrainConfig(model=kind, network="fourier")).to(device)
    seen = []
    for network in (model.encoder, model.decoder):
        for layer in network:
            if isinstance(layer, torch.nn.Linear):
                layer.register_forward_hook(lambda layer, _, output: seen.append((layer.in_features, output.dtype)))
    with model.autocast(torch.bfloat16):
        codes = model.encode(x.float(), y)
        images = model.decode(codes, y)
    assert codes.dtype == images.dtype == torch.float32
    assert len(seen) == 7
    assert {dtype for inputs, dtype in seen if inputs < 64} == {torch.float32}
    assert {dtype for inputs, dtype in seen if inputs >= 64} == {torch.bfloat16}
    seen.clear()
    model.encode(x.float(), y)
    assert {dtype for _, dtype in seen} == {torch.float32}


@pytest.mark.parametrize("kl", ["closed", "monte-carlo"])
def test_the_gradient_of_the_loss_is_the_slope_of_the_loss(model, x, y, device, kl):
    """With the noise held, the loss is a function of the weights: its gradient predicts a small step's change."""
    labels = one_hot(y, 10).double() if model.conditional else None

    def value():
        return loss(model.terms(x, labels, torch.Generator(device).manual_seed(3), kl), beta=0.7)

    weights = list(model.parameters())
    gradient = torch.autograd.grad(value(), weights)
    norm = torch.sqrt(sum(part.square().sum() for part in gradient))
    step = 1e-5 / norm
    with torch.no_grad():
        values = []
        for sign in (1, -2):
            for weight, part in zip(weights, gradient, strict=True):
                weight += sign * step * part
            values.append(value())
    assert ((values[0] - values[1]) / (2 * step)).item() == pytest.approx(norm.square().item(), rel=1e-4)


@pytest.mark.parametrize("latent_dim", [1, 2, 7])
@pytest.mark.parametrize("network", ["tutorial", "deep", "fourier", "linear"])
def test_any_latent_size_has_a_code_and_an_image(kind, network, latent_dim, x, y, device):
    model = build(TrainConfig(model=kind, network=network, latent_dim=latent_dim)).to(device)
    codes = model.encode(x.float(), y)
    assert codes.shape == (8, latent_dim)
    assert model.decode(codes, y).shape == (8, 1, 28, 28)


@pytest.mark.parametrize("kind", ["cvae"], indirect=True)
class TestConditional:
    def test_a_corner_of_the_simplex_is_the_label(self, model, z, y):
        assert torch.equal(model.decode(z, one_hot(y, 10).double()), model.decode(z, y))

    def test_the_label_matters_to_code_and_image(self, model, x, y, z):
        other = (y + 1) % 10
        assert (model.encode(x, y) != model.encode(x, other)).any(1).all()
        assert (model.decode(z, y) != model.decode(z, other)).flatten(1).any(1).all()

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (None, "needs y"),
            (torch.full((8,), 10), r"0\.\.9"),
            (torch.full((8,), -1), r"0\.\.9"),
            (torch.zeros(8), r"0\.\.9"),
            (torch.zeros(8, 1).long(), r"0\.\.9"),
            (torch.zeros(3).long(), "rows"),
            (torch.full((8, 9), 1 / 9), "10"),
            (torch.full((8, 10), 0.2), "sum to 1"),
            (torch.eye(10)[:8] * 2 - torch.eye(10)[1:9], ">= 0"),
            (torch.full((8, 10), float("nan")), ">= 0"),
        ],
    )
    def test_a_wrong_label_is_refused(self, model, z, y, message):
        with pytest.raises(ValueError, match=message):
            model.decode(z, y if y is None else y.to(z.device))

    def test_an_encoder_takes_no_fractional_label(self, model, x):
        with pytest.raises(ValueError, match="int64"):
            model.encode(x, x.new_full((8, 10), 0.1))


@pytest.mark.parametrize("kind", ["ae", "vae"], indirect=True)
def test_without_a_condition_the_label_is_ignored(model, x, y, z):
    assert torch.equal(model.encode(x, y), model.encode(x))
    assert torch.equal(model.decode(z, y), model.decode(z))


def test_wrong_shapes_are_refused(model, x, y, z):
    with pytest.raises(ValueError, match=r"x must be \(B, 1, 28, 28\)"):
        model.encode(x[:, 0], y)
    with pytest.raises(ValueError, match=r"z must be \(B, 2\)"):
        model.decode(z[:, :1], y)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "gan"),
        ("latent_dim", 0),
        ("latent_dim", 2.0),
        ("sigma", 0.0),
        ("sigma", float("nan")),
        ("beta", -1.0),
        ("epochs", True),
        ("validation", 1),
        ("seed", -1),
    ],
)
def test_a_configuration_refuses_what_it_cannot_mean_and_names_the_field(field, value):
    with pytest.raises(ValueError, match=field):
        TrainConfig(**{field: value})


def test_a_configuration_survives_its_own_dictionary():
    config = TrainConfig(model="cvae", latent_dim=3, sigma=0.2, validation=True)
    assert TrainConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ValueError, match="no fields but"):
        TrainConfig.from_dict({**config.to_dict(), "colour": "red"})


def onehot(model, y):
    return one_hot(y, 10).double() if model.conditional else None


@pytest.mark.parametrize("kind", ["vae", "cvae"], indirect=True)
def test_with_one_sample_the_importance_bound_is_the_elbo_at_that_sample(kind, x, y, device):
    model = build(TrainConfig(model=kind, likelihood="bernoulli")).to(device).double()
    labels = onehot(model, y)
    elbo = model.terms(x, labels, torch.Generator(device).manual_seed(2), kl="monte-carlo")
    bound = model.importance_terms(x, labels, 1, torch.Generator(device).manual_seed(2))
    torch.testing.assert_close(bound.log_px, elbo.log_likelihood - elbo.kl)
