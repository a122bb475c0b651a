"""The page Classes without a browser."""

from app import run_page


def test_reshuffling_draws_other_samples_and_the_seed_brings_them_back():
    app = run_page("classes")

    def samples():
        return next(html.value for html in app.get("html") if "50 samples of 7" in html.value)

    first = samples()
    app.button[0].click().run()
    assert app.query_params["seed"] == "1"
    assert samples() != first
    app.number_input("seed").set_value(0).run()
    assert samples() == first
