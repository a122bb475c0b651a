"""Firefox and WebKit as Debian has them, each behind the same few verbs, for a walk through all pages.

Playwright drives builds of these engines that it downloads itself. What a Linux machine has is driven by Mozilla's own
driver (Marionette) and by WebDriver, WebKit on a screen in memory.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import free_port

WINDOW = 1400, 900
SECONDS = 60
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
WEBKIT = next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"), None) if shutil.which("WebKitWebDriver") else None
SCREEN = shutil.which("Xvfb")


class Firefox:
    """A tab of Firefox without a screen."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.load = driver.navigate

    def js(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, arguments, sandbox=None, new_sandbox=False)

    def _mouse(self) -> Any:
        return self.driver.actions.sequence("pointer", "mouse", {"pointerType": "mouse"})

    def move(self, x: float, y: float) -> None:
        """Bring the pointer to a place in the window."""
        self._mouse().pointer_move(round(x), round(y)).perform()

    def click(self, x: float, y: float) -> None:
        """Click a place in the window."""
        self._mouse().pointer_move(round(x), round(y)).pointer_down(0).pointer_up(0).perform()


class WebKit:
    """A tab of WebKitGTK's browser."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.load = driver.get
        self.js = driver.execute_script

    def _mouse(self, x: float, y: float) -> Any:
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        actions = ActionBuilder(self.driver)
        actions.pointer_action.move_to_location(round(x), round(y))
        return actions

    def move(self, x: float, y: float) -> None:
        """Bring the pointer to a place in the window."""
        self._mouse(x, y).perform()

    def click(self, x: float, y: float) -> None:
        """Click a place in the window."""
        actions = self._mouse(x, y)
        actions.pointer_action.click()
        actions.perform()


@contextlib.contextmanager
def firefox() -> Iterator[Firefox]:
    """Firefox as it is when it is started for the first time."""
    marionette = pytest.importorskip("marionette_driver.marionette", exc_type=ImportError)  # needs a Python before 3.13
    width, height = WINDOW
    arguments = ["-width", str(width), "-height", str(height)]
    driver = marionette.Marionette(
        bin=FIREFOX, headless=True, port=free_port(), app_args=arguments, startup_timeout=SECONDS, gecko_log=os.devnull
    )
    driver.start_session()
    try:
        yield Firefox(driver)
    finally:
        driver.quit()


@contextlib.contextmanager
def webkit() -> Iterator[WebKit]:
    """WebKit on a screen of its own."""
    from selenium import webdriver
    from selenium.webdriver.webkitgtk.options import Options
    from selenium.webdriver.webkitgtk.service import Service

    options = Options()
    options.binary_location = str(WEBKIT)
    options.add_argument("--automation")
    with screen() as display:
        service = Service(shutil.which("WebKitWebDriver"), env={**os.environ, "DISPLAY": display})
        driver = webdriver.WebKitGTK(options=options, service=service)
        try:
            driver.set_window_size(*WINDOW)
            yield WebKit(driver)
        finally:
            driver.quit()


@contextlib.contextmanager
def screen() -> Iterator[str]:
    """A screen that is only in memory, by its name."""
    read, write = os.pipe()
    size = "{}x{}x24".format(*WINDOW)
    command = [SCREEN, "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as said:
            yield f":{said.readline().strip()}"
    finally:
        server.terminate()
        server.wait(SECONDS)


ENGINES = {"firefox": (firefox, FIREFOX), "webkit": (webkit, WEBKIT and SCREEN)}
