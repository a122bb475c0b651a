"""Files that a visitor exports: made by the library, or fetched from a page in the browser."""

from typing import Any

from chromium import ready

from explorer import browser, figures
from explorer.browser import export
from explorer.browser.export import Plane
from explorer.cache import checkpoints, results
from explorer.views import export_menu

SVG = "{http://www.w3.org/2000/svg}"  # before the name of each element
VIEW = {"manifold": False, "prior": True, "shapes": False, "path": "line", "snap": True, "image_a": 2, "image_b": 7}
VIEW |= {"ends": {"left": {}, "right": {}}}


def html_file(**names: str) -> tuple[bytes, dict[str, Plane]]:
    """An HTML file of these checkpoints, by side, and its planes."""
    shown = {side: checkpoints.resource(name) for side, name in names.items()}
    planes = {side: export_menu.plane_of(resource, results.start(resource), 7) for side, resource in shown.items()}
    return export.html(planes, VIEW, browser.standalone(), figures.class_styles()), planes


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
