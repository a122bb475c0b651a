"""What axe-core finds wrong with a page by the rules of WCAG 2.1 A and AA."""

from collections.abc import Callable, Sequence
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]},
    "resultTypes": ["violations"],  # what passes is counted but not described, which takes longer than the rules
}
COLOURS = {**RULES, "runOnly": ["color-contrast", "link-in-text-block"]}  # the rules that look at colours


def violations(page: Any, rules: dict[str, Any] = RULES) -> list[tuple[str, str, str]]:
    """The rule, the element and the reason of each."""
    if not page.evaluate("Boolean(globalThis.axe)"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("(rules) => axe.run(rules).then(({ violations }) => violations)", rules)
    return [(rule["id"], node["html"], node["failureSummary"]) for rule in found for node in rule["nodes"]]


def assert_for_every_eye(page: Any, windows: Sequence[tuple[int, int]], settled: Callable[[Any], None]) -> None:
    """In windows of these widths and heights, light and dark, once the page has settled.

    In the dark there is nothing else than in the light, in other colours.
    """
    for width, height in windows:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)  # Streamlit lays charts out anew after a pause of its own
        for scheme, rules in (("light", RULES), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme)
            settled(page)
            assert not violations(page, rules), (scheme, width)
