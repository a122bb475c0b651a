"""Laws of the backbones."""

import pytest
import torch

from vae.config import TrainConfig
from vae.models import build


@pytest.mark.parametrize(
    ("network", "encoder", "decoder"),
    [
        ("tutorial", [784, 512, 6], [3, 512, 784]),
        ("small", [784, 128, 6], [3, 128, 784]),
        ("deep", [784, 512, 512, 6], [3, 512, 512, 512, 784]),
        ("fourier", [784, 512, 512, 6], [3, 512, 512, 512, 784]),
        ("linear", [784, 6], [3, 784]),
    ],
)
def test_the_networks_have_the_sizes_of_their_names(network, encoder, decoder):
    model = build(TrainConfig(network=network, latent_dim=3))
    for backbone, sizes in ((model.encoder, encoder), (model.decoder, decoder)):
        linear = [layer for layer in backbone if isinstance(layer, torch.nn.Linear)]
        assert [linear[0].in_features, *(layer.out_features for layer in linear)] == sizes


@pytest.mark.parametrize("network", ["tutorial", "small", "deep"])
def test_by_hes_rule_what_goes_in_with_variance_one_comes_out_so(network, generator, device):
    ratios = []
    for rule in ("he", "torch"):
        model = build(TrainConfig(model="ae", network=network, latent_dim=64, first_weights=rule)).to(device)
        deviations = [
            backbone(torch.randn(4000, size, generator=generator, device=device)).std().item()
            for backbone, size in ((model.encoder, 784), (model.decoder, 64))
        ]
        ratios.append(deviations)
    he, usual = ratios
    assert all(0.75 < ratio < 1.25 for ratio in he)
    assert all(ratio < 0.4 for ratio in usual)


@pytest.mark.parametrize("rule", ["torch", "he"])
def test_the_first_weights_are_the_seeds_and_leave_the_global_stream_alone(kind, rule):
    before = torch.get_rng_state()
    configs = (TrainConfig(model=kind, seed=seed, first_weights=rule) for seed in (1, 1, 2))
    first, again, other = (build(config).decoder[0].weight for config in configs)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
