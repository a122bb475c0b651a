"""What the tests share: a small synthetic data set, every kind of model and likelihood, a browser, `--device cuda`."""

import contextlib
import ctypes
import os
import shutil
from functools import cache, partial
from itertools import chain, groupby, zip_longest

import pytest
import streamlit as st
import torch
from chromium import HEADLESS, LAUNCH, ROOT, explorer, tab
from hypothesis import HealthCheck, settings
from streamlit.components.v2 import manifest_scanner
from synthetic import synthetic_digits

from explorer.cache import checkpoints, results, versions
from explorer.quantities import magnification, regions
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

# Each app without a browser searches all installed packages for components of Streamlit, which takes two thirds of its
# first run; they do not change while the tests run.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)

# The same inputs in every run of the suite; `--hypothesis-profile search` looks for new ones, and keeps what fails in
# `.hypothesis`. Whatever it finds becomes an @example beside its test.
settings.register_profile("suite", max_examples=80, derandomize=True, deadline=None, database=None)
slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
settings.register_profile("search", max_examples=3_000, deadline=None, suppress_health_check=slow)
settings.load_profile("suite")


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", help="where the tensors of the tests live: cpu or cuda")


def pytest_collection_modifyitems(items):
    """Files with a browser and files without take turns: of two workers one computes while the other waits for pages.

    The long files with a browser begin early so, and no worker waits for the last of them in the end.
    """
    files = {path: list(tests) for path, tests in groupby(items, key=lambda item: item.path)}
    paths = {wanted: [path for path in files if ("browser" in path.stem) == wanted] for wanted in (True, False)}
    turns = chain.from_iterable(zip_longest(paths[True], paths[False]))
    items[:] = [item for path in turns if path for item in files[path]]


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
    """Pages work on coarse grids, and analyse no image that was not asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geodesics, "graph", partial(geodesics.graph, size=geodesics.SIZE // 4))
        for background in (magnification, regions):
            patch.setattr(background, "CELLS", 20)
        patch.setattr(results, "analyse_ahead", lambda pairs: None)
        yield


@pytest.fixture(scope="module")
def hasty():
    """Geodesics are a step better than the path in the grid where no test asks how short they are."""
    with pytest.MonkeyPatch.context() as patch:
        for search in ("_BEGIN", "_END"):
            patch.setattr(geodesics, search, (getattr(geodesics, search)[0], 1))
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
def log(tmp_path_factory):
    """What the running explorer says."""
    return tmp_path_factory.mktemp("explorer") / "log"


@pytest.fixture(scope="session")
def address(log):
    """Of a running explorer."""
    with explorer(log) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """A real Chromium; a test that asks for it is marked `browser`."""
    playwright = pytest.importorskip("playwright.sync_api")
    if HEADLESS is None:
        pytest.skip("no Chromium on this machine")
    # Scripts that are parsed when all of them is there are parsed once for all tabs, streamed ones at each load.
    flags = [*LAUNCH["args"], "--renderer-process-limit=1", "--js-flags=--no-script-streaming"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=HEADLESS, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def window(browser):
    """Where tabs are opened. One stays open, and with it the process that has compiled the app's code: each further tab
    takes half of the time."""
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        first = context.new_page()
        first.route("**", lambda route: route.fulfill(body="open"))
        first.goto("http://127.0.0.1")
        yield context


@pytest.fixture(scope="module")
def shared_page(window):
    """A new tab that the tests of one file share, 1400 by 900 and light."""
    with tab(window) as page:
        yield page


@pytest.fixture
def new_tab(window):
    """Opens tabs of a visitor who has never been here; `chromium.tab` says with what."""
    with contextlib.ExitStack() as tabs:
        yield lambda **looks: tabs.enter_context(tab(window, **looks))


@pytest.fixture
def page(new_tab):
    """A new tab, 1400 by 900 and light."""
    return new_tab()
