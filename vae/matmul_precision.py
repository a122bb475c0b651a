"""Makes float32 faster in a process where nothing is lost by it; the commands call it before they begin.

denormals   numbers below 1e-38 become 0: densities far from a peak, and Adam's averages of gradients that have
            vanished; a processor takes ten times as long for them
products    PyTorch has two libraries for matrix products on a CPU. On some processors its default has half the speed
            of the other, on some it is the faster one. The precision "medium" selects the other library, but on some
            processors it means bfloat16. So the error and the time of a product decide, not the name.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

SIZE = 256  # of the matrices that are multiplied: so small that no other process takes the core away meanwhile
TRIALS = 25  # of a product in a round, of which the fastest counts
ROUNDS = 5  # whose median counts: a busy machine disturbs one round, and every run must make the same choice
LEAST_SPEEDUP = 1.4  # below twice, and above noise


def use_fast_float32(device: torch.device | str = "cpu") -> None:
    """Set both for this process, whose tensors live on `device`: "medium" if it is as exact and clearly faster."""
    torch.set_flush_denormal(True)
    a, b = torch.randn(2, SIZE, SIZE, generator=torch.Generator().manual_seed(0)).to(device)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads may have to wait for each other
    speedup = statistics.median(_speedup(a, b) for _ in range(ROUNDS))
    torch.set_num_threads(threads)
    exact = a.double() @ b.double()
    error = (a @ b - exact).abs().max().item()  # of the precision that was set last, "highest"
    torch.set_float32_matmul_precision("medium")
    if speedup < LEAST_SPEEDUP or (a @ b - exact).abs().max().item() > 2 * error:
        torch.set_float32_matmul_precision("highest")


@contextmanager
def products_in_tf32(wanted: bool) -> Iterator[None]:
    """In this context products of float32 read ten binary digits of a factor, where the device is faster so.

    Args:
        wanted: False leaves everything as it is.
    """
    before = torch.get_float32_matmul_precision()
    if wanted:
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _speedup(a: torch.Tensor, b: torch.Tensor) -> float:
    """How many times as fast "medium" is as "highest", which stays set."""
    seconds = {"medium": [], "highest": []}
    for precision in TRIALS * ("medium", "highest"):
        torch.set_float32_matmul_precision(precision)
        start = time.perf_counter()
        (a @ b)[0, 0].item()  # waits for the device
        seconds[precision].append(time.perf_counter() - start)
    return min(seconds["highest"]) / min(seconds["medium"])
