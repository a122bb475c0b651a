"""How fast a process computes with float32 where nothing is lost by it: for the commands, before they begin.

denormals   numbers below 1e-38 become 0: densities far from a peak, Adam's averages of gradients that are gone; a
            processor takes tenfold for them
products    PyTorch has two libraries for them on a CPU. On some, the one that it takes by default has half the
            other's speed, on some it is the faster; and what asks for the other, the precision "medium", means bfloat16
            on yet others. So the error and the time of a product decide, not the name.
"""

import time

import torch

SIZE = 256  # of the matrices whose product is looked at: done before another process can take the core away
TRIALS = 25  # of a product, of which the quickest counts
CLEARLY = 1.4  # times as fast: twice is, noise is not, so that every run on a machine chooses, and then computes, alike


def use_fast_float32(device: torch.device | str = "cpu") -> None:
    """Set both for this process, whose tensors live on `device`: "medium" where it is as exact and clearly faster."""
    torch.set_flush_denormal(True)
    a, b = torch.randn(2, SIZE, SIZE, generator=torch.Generator().manual_seed(0)).to(device)
    exact = a.double() @ b.double()
    errors, seconds = {}, {"medium": [], "highest": []}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # of two, one may have to wait for the other
    for precision in TRIALS * ("medium", "highest"):  # the one that is set last stays
        torch.set_float32_matmul_precision(precision)
        start = time.perf_counter()
        product = a @ b
        product[0, 0].item()  # waits for the device
        seconds[precision].append(time.perf_counter() - start)
        errors[precision] = (product - exact).abs().max().item()
    torch.set_num_threads(threads)
    if errors["medium"] <= 2 * errors["highest"] and CLEARLY * min(seconds["medium"]) < min(seconds["highest"]):
        torch.set_float32_matmul_precision("medium")
