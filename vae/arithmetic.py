"""How fast a process computes with float32 where nothing is lost by it: for the commands, before they begin.

denormals   numbers below 1e-38 become 0: densities far from a peak, Adam's averages of gradients that are gone; a
            processor takes tenfold for them
products    PyTorch has two libraries for them on a CPU. On some, the one that it takes by default has half the
            other's speed; but what asks for the other, the precision "medium", means bfloat16 on other processors.
            So the error of a product decides, not the name.
"""

import torch

SIZE = 256  # of the matrices whose product is looked at


def hasten(device: torch.device | str = "cpu") -> None:
    """Set both for this process, whose tensors live on `device`."""
    torch.set_flush_denormal(True)
    a, b = torch.randn(2, SIZE, SIZE, generator=torch.Generator().manual_seed(0)).to(device)
    exact = a.double() @ b.double()

    def error(precision: str) -> float:
        torch.set_float32_matmul_precision(precision)
        return (a @ b - exact).abs().max().item()

    medium, highest = error("medium"), error("highest")
    if medium <= 2 * highest:
        torch.set_float32_matmul_precision("medium")
