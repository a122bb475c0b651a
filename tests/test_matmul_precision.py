"""What makes the arithmetic fast must not make it coarse."""

import pytest
import torch

from vae import matmul_precision


@pytest.mark.parametrize("shape", [(128, 784, 512), (8, 512, 4096), (1000, 3, 1000)])
def test_products_stay_as_exact_as_float32_is(shape, device, generator):
    m, k, n = shape
    a, b = torch.randn(m, k, generator=generator, device=device), torch.randn(k, n, generator=generator, device=device)
    exact = a.double() @ b.double()
    usual = (a @ b - exact).abs().max()
    matmul_precision.use_fast_float32(device)
    assert (a @ b - exact).abs().max() <= 3 * usual


def test_denormals_are_flushed():
    small = torch.full((100,), 1e-30)
    assert bool((small * 1e-10 > 0).all())
    matmul_precision.use_fast_float32()
    assert bool((small * 1e-10 == 0).all())


@pytest.fixture
def products(monkeypatch):
    """Lets a test say how long each product takes, and what "medium" adds to it."""
    product, clock = torch.Tensor.__matmul__, [0.0]

    def set_to(seconds, error):
        count = iter(range(10_000))

        def timed(a, b):
            medium = torch.get_float32_matmul_precision() == "medium"
            clock[0] += seconds(next(count), medium)
            before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("highest")  # "medium" is coarse on processors that multiply bfloat16
            exact = product(a, b)
            torch.set_float32_matmul_precision(before)
            return exact + (error if medium and a.dtype == torch.float32 else 0)

        monkeypatch.setattr(torch.Tensor, "__matmul__", timed)
        monkeypatch.setattr(matmul_precision.time, "perf_counter", lambda: clock[0])

    return set_to


@pytest.mark.parametrize(
    ("error", "seconds", "precision"),
    [(1e-6, 0.5, "medium"), (1e-2, 0.5, "highest"), (1e-6, 0.9, "highest"), (1e-6, 2.0, "highest")],
    ids=["as exact and faster", "faster", "as exact and hardly faster", "as exact"],
)
def test_the_other_library_multiplies_where_it_is_as_exact_and_clearly_faster(error, seconds, precision, products):
    products(lambda _, medium: seconds if medium else 1.0, error)
    matmul_precision.use_fast_float32()
    assert torch.get_float32_matmul_precision() == precision


@pytest.mark.parametrize(("speed", "precision"), [(0.6, "medium"), (0.9, "highest")])
def test_a_moment_of_a_busy_machine_does_not_change_the_choice(speed, precision, products):
    """The first 60 of 250 products take thrice as long, where that would turn the choice."""
    products(lambda k, medium: (speed if medium else 1.0) * (3 if medium is (speed < 0.8) and k < 60 else 1), 0)
    matmul_precision.use_fast_float32()
    assert torch.get_float32_matmul_precision() == precision
