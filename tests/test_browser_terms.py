"""Terms that explain themselves in a real Chromium: by pointer, keys and finger."""

import pytest
from chromium import ready, tab, visit

from explorer.markup import terms

pytestmark = pytest.mark.browser
BOX = "[role=tooltip].latent-explanation"
WORD = ".st-key-panel_map_right [data-term='{}']"


def shown(page):
    return page.locator(BOX).is_visible()


def within(page):
    return page.evaluate(
        "(box) => { const { left, top, right, bottom } = document.querySelector(box).getBoundingClientRect();"
        "return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight }",
        BOX,
    )


def test_a_term_is_explained_under_the_pointer_by_the_keys_and_by_a_finger(browser, address):
    with (
        browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True) as context,
        tab(context, 390, 844) as page,
    ):
        visit(page, address, "map_left", "map_right")
        for name in ("decoder", "5-NN", "codes near", "σ of the prior"):
            word = page.locator(WORD.format(name)).first
            word.tap()
            assert shown(page)
            assert within(page)
            assert terms.GLOSSARY[name].sentences in page.locator(BOX).inner_text()
            assert word.get_attribute("aria-describedby") == page.locator(BOX).get_attribute("id")
            word.tap()
            assert not shown(page)
        page.locator(WORD.format("KL")).tap()
        page.locator(".latent-help").first.tap()
        assert not shown(page)

        page.set_viewport_size({"width": 1400, "height": 900})
        page.locator(WORD.format("error")).hover()
        assert shown(page)
        page.locator(BOX).hover()  # the sentences can be pointed at, too
        page.wait_for_timeout(400)
        assert shown(page)
        page.mouse.move(5, 5)
        page.wait_for_selector(BOX, state="hidden")
        page.locator(".st-key-magnification label").hover()
        assert terms.GLOSSARY["magnification"].sentences in page.locator(BOX).inner_text()
        page.mouse.move(5, 5)
        page.wait_for_selector(BOX, state="hidden")

        page.locator(WORD.format("error")).focus()
        page.keyboard.press("Tab")
        assert terms.GLOSSARY["KL"].sentences in page.locator(BOX).inner_text()
        page.keyboard.press("Escape")
        assert not shown(page)
        assert page.evaluate("document.activeElement.dataset.term") == "KL"


def test_what_the_browser_draws_by_itself_explains_its_terms_too(window, address):
    with tab(window, color_scheme="dark") as page:
        page.goto(f"{address}/bound")
        page.wait_for_selector(".latent-terms")
        ready(page)
        page.locator(".latent-estimates [data-term='IW']").hover()
        assert terms.GLOSSARY["IW"].sentences in page.locator(BOX).inner_text()
        colour, ground = page.evaluate(
            "(box) => { const { color, backgroundColor } = getComputedStyle(document.querySelector(box));"
            "return [color, backgroundColor] }",
            BOX,
        )
        assert (colour, ground) == ("rgb(14, 17, 23)", "rgb(250, 250, 250)")  # light on the dark page
        words = page.locator("[data-term]").evaluate_all("(all) => all.map((each) => each.dataset.term)")
        assert set(words) <= set(terms.GLOSSARY)
