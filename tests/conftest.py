"""What the tests share: a small synthetic data set, every kind of model and likelihood, a browser, `--device cuda`."""

import contextlib
import ctypes
import os
import shutil
from functools import partial

import pytest
import streamlit as st
import torch
from chromium import CHROMIUM, LAUNCH, ROOT, explorer
from hypothesis import HealthCheck, settings
from synthetic import synthetic_digits

from explorer.cache import checkpoints, results, versions
from vae import geodesics
from vae.config import TrainConfig
from vae.images.sources import load_dataset
from vae.images.tensors import DataError
from vae.models import build

torch.set_num_threads(1)  # on tensors this small a second thread saves little, and on a busy machine costs tenfold
os.environ["OMP_NUM_THREADS"] = "1"  # and so it is for the apps and commands that tests start

# Memory of large tensors is kept for the next ones. Usually the C library gives each of them back, and the kernel's
# work of handing it out anew, in clean pages, is a third of the time of the tests with the largest tensors.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
with contextlib.suppress(OSError, AttributeError):  # other C libraries have no such choice
    for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
        ctypes.CDLL("libc.so.6").mallopt(option, 2**30)

# The same inputs in every run of the suite; `--hypothesis-profile search` looks for new ones, and keeps what fails in
# `.hypothesis`. Whatever it finds becomes an @example beside its test.
settings.register_profile("suite", max_examples=80, derandomize=True, deadline=None, database=None)
slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
settings.register_profile("search", max_examples=3_000, deadline=None, suppress_health_check=slow)
settings.load_profile("suite")


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", help="where the tensors of the tests live: cpu or cuda")


@pytest.fixture(scope="session")
def device(request):
    name = request.config.getoption("--device")
    if name.startswith("cuda") and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.device(name)


@pytest.fixture(autouse=True)
def usual_arithmetic():
    """What a command has set for its process, see `vae.matmul_precision`, does not last beyond the test that ran it."""
    yield
    torch.set_float32_matmul_precision("highest")
    torch.set_flush_denormal(False)


@pytest.fixture(autouse=True, scope="module")
def forgotten():
    """What the app keeps for the tests of one file goes with them: else a process grows to gigabytes."""
    yield
    versions.clear()
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def coarse():
    """Pages look for geodesics on a grid of a sixteenth of the points, and analyse no image that was not asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geodesics, "graph", partial(geodesics.graph, size=geodesics.SIZE // 4))
        patch.setattr(results, "analyse_ahead", lambda pairs: None)
        yield


@pytest.fixture(params=["ae", "vae", "cvae"])
def kind(request):
    return request.param


@pytest.fixture(params=["gaussian", "gaussian-shared", "gaussian-pixel", "bernoulli-grey", "bernoulli"])
def likelihood(request):
    return request.param


@pytest.fixture
def model(kind, likelihood, device):
    """One of each kind with each likelihood, untrained, in float64 so that laws can be checked to its digits."""
    return build(TrainConfig(model=kind, likelihood=likelihood)).to(device).double()


@pytest.fixture
def generator(device):
    return torch.Generator(device).manual_seed(0)


@pytest.fixture
def x(device, generator):
    """Eight binary images in float64, within the support of every likelihood."""
    return torch.rand(8, 1, 28, 28, generator=generator, device=device).double().round()


@pytest.fixture
def y(device):
    return torch.arange(8, device=device)


@pytest.fixture
def z(device, generator):
    return torch.randn(8, 2, generator=generator, device=device).double()


@pytest.fixture(scope="session")
def digits():
    return synthetic_digits()


@pytest.fixture(scope="session")
def mnist():
    """The real set; a test that asks for it is marked `mnist`."""
    try:
        return load_dataset(download=False)
    except DataError as error:
        pytest.skip(str(error))


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A copy of the shipped checkpoints that a test may break; the replays, which are large, are links."""
    shutil.copytree(ROOT / "checkpoints", tmp_path / "checkpoints", ignore=shutil.ignore_patterns("*.replay.pt"))
    for file in (ROOT / "checkpoints").glob("*.replay.pt"):
        (tmp_path / "checkpoints" / file.name).symlink_to(file)
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path / "checkpoints")
    return tmp_path / "checkpoints"


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """Of a running explorer."""
    with explorer(tmp_path_factory.mktemp("explorer") / "log") as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """A real Chromium; a test that asks for it is marked `browser`."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(**LAUNCH)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A new tab of a visitor who has never been here; a JavaScript error in it fails the test."""
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        page = context.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == []
