"""What makes the arithmetic fast must not make it coarse."""

import pytest
import torch

from vae.arithmetic import hasten


@pytest.fixture
def as_usual():
    def reset():
        torch.set_float32_matmul_precision("highest")
        torch.set_flush_denormal(False)

    reset()  # another test may have run a command here
    yield
    reset()


@pytest.mark.parametrize("shape", [(128, 784, 512), (8, 512, 4096), (1000, 3, 1000)])
def test_products_stay_as_exact_as_float32_is(shape, as_usual, device, generator):
    m, k, n = shape
    a, b = torch.randn(m, k, generator=generator, device=device), torch.randn(k, n, generator=generator, device=device)
    exact = a.double() @ b.double()
    usual = (a @ b - exact).abs().max()
    hasten(device)
    assert (a @ b - exact).abs().max() <= 3 * usual


def test_denormals_are_flushed(as_usual):
    small = torch.full((100,), 1e-30)
    assert bool((small * 1e-10 > 0).all())
    hasten()
    assert bool((small * 1e-10 == 0).all())


@pytest.mark.parametrize(("error", "precision"), [(1e-6, "medium"), (1e-2, "highest")])
def test_the_error_decides_which_library_multiplies(error, precision, as_usual, monkeypatch):
    product = torch.Tensor.__matmul__

    def rounded(a, b):
        off = error if torch.get_float32_matmul_precision() == "medium" else 1e-6
        return product(a, b) + (off if a.dtype == torch.float32 else 0)

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    hasten()
    assert torch.get_float32_matmul_precision() == precision
