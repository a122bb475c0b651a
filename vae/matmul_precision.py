"""Makes float32 faster in a process where nothing is lost by it; the commands call it before they begin.

denormals   numbers below 1e-38 become 0: densities far from a peak, and Adam's averages of gradients that have
            vanished; a processor takes ten times as long for them
products    PyTorch has two libraries for matrix products on a CPU. On some processors its default has half the speed
            of the other, on some it is the faster one. The precision "medium" selects the other library, but on some
            processors it means bfloat16. So the error and the time of a product decide, not the name.
"""

import time

import torch

SIZE = 256  # of the matrices that are multiplied: so small that no other process takes the core away meanwhile
TRIALS = 25  # of a product, of which the fastest counts
LEAST_SPEEDUP = 1.4  # below twice, and above noise, so that every run on a machine makes the same choice


def use_fast_float32(device: torch.device | str = "cpu") -> None:
    """Set both for this process, whose tensors live on `device`: "medium" if it is as exact and clearly faster."""
    torch.set_flush_denormal(True)
    a, b = torch.randn(2, SIZE, SIZE, generator=torch.Generator().manual_seed(0)).to(device)
    exact = a.double() @ b.double()
    errors, seconds = {}, {"medium": [], "highest": []}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads may have to wait for each other
    for precision in TRIALS * ("medium", "highest"):  # the one that is set last stays
        torch.set_float32_matmul_precision(precision)
        start = time.perf_counter()
        product = a @ b
        product[0, 0].item()  # waits for the device
        seconds[precision].append(time.perf_counter() - start)
        errors[precision] = (product - exact).abs().max().item()
    torch.set_num_threads(threads)
    if errors["medium"] <= 2 * errors["highest"] and LEAST_SPEEDUP * min(seconds["medium"]) < min(seconds["highest"]):
        torch.set_float32_matmul_precision("medium")
