"""Files that a visitor exports: made by the library, or fetched from a page in the browser."""

from dataclasses import replace
from typing import Any

from chromium import ready

from explorer.browser.export import Contents
from explorer.state import ExplorerState
from explorer.views import single_file

SVG = "{http://www.w3.org/2000/svg}"  # before the name of each element
PAGES = ("maps", "interpolate")


def contents(*names: str, pages: tuple[str, ...] = PAGES) -> Contents:
    """What is in an HTML file of these checkpoints; the first two are on the maps."""
    state = replace(ExplorerState(), left=names[0], right=names[min(1, len(names) - 1)])
    return single_file.gather(list(dict.fromkeys(names)), pages, state)


def html_file(*names: str, pages: tuple[str, ...] = PAGES) -> bytes:
    """The file itself."""
    return single_file.html(contents(*names, pages=pages))


def open_files(page: Any) -> None:
    """Open the list of a page's files."""
    page.get_by_role("button", name="Export").first.click()
    page.wait_for_selector("[class*='st-key-png_'] button")
    ready(page)
    page.wait_for_timeout(500)  # the popover slides into place


def download(page: Any, key: str) -> tuple[bytes, str]:
    """The bytes of a file, and its name."""
    with page.expect_download() as file:
        page.locator(f".st-key-{key} button").click()
    return file.value.path().read_bytes(), file.value.suggested_filename
