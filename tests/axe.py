"""What axe-core finds wrong with a page by the rules of WCAG 2.1 A and AA."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]},
    "resultTypes": ["violations"],  # what passes is counted but not described, which takes longer than the rules
}


def violations(page: Any) -> list[tuple[str, str, str]]:
    """The rule, the element and the reason of each."""
    if not page.evaluate("Boolean(globalThis.axe)"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("(rules) => axe.run(rules).then(({ violations }) => violations)", RULES)
    return [(rule["id"], node["html"], node["failureSummary"]) for rule in found for node in rule["nodes"]]
