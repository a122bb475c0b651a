"""A real server, from outside: its settings travel with the app, it is for this machine only, and what is sent to it is
bounded.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import websockets
from chromium import ROOT, app
from streamlit import config
from visitors import Crowd, put

SETTINGS = ROOT / "explorer" / ".streamlit" / "config.toml"
MEGABYTE = 1_000_000


def visited(address, what):
    """What a coroutine makes of a crowd at a server."""

    async def visit():
        crowd = Crowd(address)
        try:
            return await what(crowd)
        finally:
            await crowd.leave()

    with ThreadPoolExecutor(1) as aside:  # a browser that other tests have opened keeps a loop running in this thread
        return aside.submit(asyncio.run, visit()).result()


async def opened(crowd, page=""):
    visitor = await crowd.come()
    await visitor.open(page)
    return visitor


def memory(process):
    """What a process holds, in MB; 0 where that is not told."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1e3
    return 0.0


@pytest.mark.fault("started from another directory, the app lost its settings")
@pytest.mark.parametrize(
    ("folder", "script"),
    [(ROOT, "explorer/app.py"), (ROOT / "explorer", "app.py"), (None, str(ROOT / "explorer" / "app.py"))],
    ids=["the clone", "the app's folder", "elsewhere"],
)
def test_its_settings_hold_from_whatever_directory_it_is_started(folder, script, tmp_path):
    with app(tmp_path / "log", folder or tmp_path, script) as (address, _):
        said = visited(address, lambda crowd: opened(crowd, "learn")).session
        port = int(address.rsplit(":", 1)[1])
        with socket.socket() as other:
            other.settimeout(5)
            assert other.connect_ex(("127.0.0.2", port)) != 0  # another address of this machine
    assert not said.config.gather_usage_stats
    assert said.custom_theme.dark.background_color == "#111317"
    assert "http://localhost:" in (tmp_path / "log").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The address of a server that was started in another directory, with flags and an environment of its own."""
    place = tmp_path_factory.mktemp("elsewhere")
    settings = ["--theme.dark.backgroundColor", "#123456", "--server.baseUrlPath", "lab/vae"]
    settings += ["--server.allowedHosts", "lab.example.org", "--server.allowedHosts", "127.0.0.1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMLIT_BROWSER_GATHER_USAGE_STATS", "true")
        script = str(ROOT / "explorer" / "app.py")
        with app(place / "log", place, script, settings=settings, path="/lab/vae") as (address, _):
            yield address


@pytest.mark.fault("started from another directory, the app lost its settings")
def test_flags_and_the_environment_outrank_them(elsewhere):
    said = visited(elsewhere, lambda crowd: opened(crowd, "learn")).session
    assert said.config.gather_usage_stats
    assert said.custom_theme.dark.background_color == "#123456"


def test_every_setting_is_one_that_streamlit_knows():
    config._main_script_path, before = str(SETTINGS.parent.parent / "app.py"), config._main_script_path
    try:
        options = config.get_config_options(force_reparse=True)
        assert {name for name, option in options.items() if option.where_defined == str(SETTINGS)} >= {
            "server.address", "server.allowedHosts", "server.maxUploadSize", "client.showErrorDetails",
        }  # fmt: skip
        assert config.get_option("server.enableXsrfProtection")
        assert config.get_option("server.enableCORS")
    finally:
        config._main_script_path = before
        config.get_config_options(force_reparse=True)


def greeted(address, headers):
    """With which status the server of an address answers to a websocket with these headers."""
    parts = urlsplit(address)
    filled = {name: value.format(port=parts.port) for name, value in headers.items()}
    host = filled.pop("Host", parts.netloc)

    async def asked():
        uri = f"ws://{host}{parts.path}/_stcore/stream"
        to = {"host": parts.hostname, "port": parts.port, "subprotocols": ["streamlit"]}
        try:
            async with websockets.connect(uri, additional_headers=filled, **to) as socket:
                return socket.response.status_code
        except websockets.InvalidStatus as refused:
            return refused.response.status_code

    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, asked()).result()


@pytest.mark.fault("the server let all of a network in, to train, delete and read tracebacks")
@pytest.mark.parametrize(
    ("headers", "welcome"),
    [
        ({}, True),
        ({"Origin": "http://localhost:{port}", "Host": "localhost:{port}"}, True),
        ({"Origin": "http://example.com"}, False),
        ({"Origin": "http://example.com:{port}", "Host": "example.com:{port}"}, False),  # a name that leads to us
    ],
    ids=["no browser", "the app's own page", "another site's page", "another site's name"],
)
def test_only_its_own_page_gets_a_connection(headers, welcome, address):
    assert greeted(address, headers) == (101 if welcome else 403)


@pytest.mark.fault("a request had no bound in time or memory")
@pytest.mark.parametrize("chunked", [False, True], ids=["by its length", "by what came"])
def test_the_server_refuses_a_file_beyond_the_limit(chunked, address):
    async def give(crowd):
        urls = await (await opened(crowd, "draw")).upload_urls("big.png")
        return await asyncio.to_thread(put, crowd.address, urls.upload_url, "big.png", bytes(30 * MEGABYTE), chunked)

    assert visited(address, give) == 413


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A server whose memory is watched: its address, its process and its log."""
    log = tmp_path_factory.mktemp("watched") / "log"
    with app(log, ROOT, "explorer/app.py") as (address, process):
        visited(address, opened)
        yield address, process, log


@pytest.mark.fault("a request had no bound in time or memory")
def test_a_file_that_was_read_is_not_kept(watched):
    address, process, log = watched

    async def give(crowd):
        visitor, before = await opened(crowd, "draw"), memory(process)
        for turn in range(20):
            await visitor.upload("upload_drawing", f"{turn}.png", bytes([turn]) * 10 * MEGABYTE)
            assert any("image" in getattr(element, "body", "") for element in visitor.told)  # the sentence about it
        await visitor.pick("bridge_draw_pad", {"form": "", "label": None})
        return memory(process) - before

    visited(address, lambda crowd: opened(crowd, "draw"))
    assert visited(address, give) < 60
    assert "Traceback" not in log.read_text(encoding="utf-8")


@pytest.mark.fault("a request had no bound in time or memory")
def test_a_message_of_300_megabytes_ends_its_own_connection_and_nothing_else(watched):
    address, process, log = watched

    async def send(crowd):
        visitor = await opened(crowd)
        hostile = await crowd.come()
        with contextlib.suppress(websockets.ConnectionClosed):
            await hostile.socket.send(bytes(300 * MEGABYTE))
        with pytest.raises(websockets.ConnectionClosed):
            await hostile.socket.recv()
        return await visitor.click((0.5, 0.25), asyncio.get_running_loop().time())

    before = memory(process)
    visited(address, send)
    assert memory(process) - before < 150
    assert "Traceback" not in log.read_text(encoding="utf-8")


@pytest.mark.fault("the server let all of a network in, to train, delete and read tracebacks")
def test_what_breaks_is_told_to_the_log_and_not_to_the_visitor(tmp_path):
    shutil.copytree(SETTINGS.parent, tmp_path / ".streamlit")
    (tmp_path / "broken.py").write_text("raise ValueError('what only the owner should read')", encoding="utf-8")
    with (
        app(tmp_path / "log", tmp_path, "broken.py") as (address, _),
        pytest.raises(RuntimeError, match="the page has an exception") as told,
    ):
        visited(address, opened)
    for secret in ("ValueError", "only the owner", str(tmp_path)):
        assert secret not in str(told.value)
        assert secret in (tmp_path / "log").read_text(encoding="utf-8")


def test_below_a_path_and_under_another_name_all_is_there(elsewhere):
    with urllib.request.urlopen(f"{elsewhere}/") as page:
        assert b"<title>" in page.read()
    visited(elsewhere, opened)
    assert greeted(elsewhere, {"Host": "lab.example.org", "Origin": "https://lab.example.org"}) == 101
    assert greeted(elsewhere, {"Host": "example.org", "Origin": "https://example.org"}) == 403


@pytest.mark.fault("the server let all of a network in, to train, delete and read tracebacks")
@pytest.mark.parametrize(("said", "closed"), [(None, True), ("0", False)])
def test_opened_to_others_it_is_read_only_unless_its_owner_says_so(said, closed, tmp_path, monkeypatch):
    monkeypatch.delenv("EXPLORER_READ_ONLY", raising=False)
    if said is not None:
        monkeypatch.setenv("EXPLORER_READ_ONLY", said)

    async def train(crowd):
        return (await opened(crowd, "train")).widgets

    settings = ["--server.address", "0.0.0.0"]
    with app(tmp_path / "log", ROOT, "explorer/app.py", settings=settings) as (address, _):
        assert ("train_model" in visited(address, train)) != closed
    assert os.environ.get("EXPLORER_READ_ONLY") == said
