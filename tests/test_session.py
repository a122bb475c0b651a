"""The state of a visitor between links and widgets: what a link or a forged message cannot ask for is not taken."""

import numpy as np
import pytest
from app import SECONDS, errors, run
from streamlit.testing.v1 import AppTest

from explorer.state import ExplorerState

pytestmark = pytest.mark.usefixtures("coarse")


@pytest.mark.fault("a link to a model that is not there showed another without a word")
def test_a_link_to_what_is_not_there_says_so_as_long_as_something_else_is_shown():
    app = run(left="no-such", path="curve")
    for _ in range(2):
        assert len(app.warning) == 1
        assert all(word in app.warning[0].value for word in ("no-such", "Autoencoder", "path", "curve"))
        app.run()
    assert not run(left="vae", path="arc", utm_source="mail").warning


def test_another_model_gives_up_the_points_of_the_plane_before_on_every_page():
    app = run(z1_right="0.5", a1_right="1", a2_right="-1", b1_left="2", snap="0")
    app.selectbox("right").set_value("vae-best").run()
    assert errors(app) == []
    assert dict(app.query_params) == {"right": "vae-best", "b1_left": "2.0", "snap": "0"}


def test_junk_in_the_url_falls_back_to_the_defaults():
    app = run(left="nothing-here", right="../../etc", z1_left="nan", z2_left="1e99", manifold="perhaps", path="")
    assert errors(app) == []
    assert app.selectbox("right").value == "vae"
    assert np.isfinite(app.number_input("z1_left").value)


def test_a_checkpoint_that_is_not_there_gives_way_to_its_sides_default():
    app = run(left="nothing-here", right="nothing-here")
    assert errors(app) == []
    assert (app.selectbox("left").value, app.selectbox("right").value) == ("ae", "vae")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("samples", "x"), ("sampled", "1"), ("image_bound", "7"), ("train_learning_rate", float("nan")),
        ("train_latent_dim", 10**9), ("train_network", "<b>"), ("unit", []), ("path", None), ("left", "../x"),
    ],
)  # fmt: skip
def test_a_widget_s_forged_value_leaves_the_state_as_it_was(field, value):
    def script(field, value):
        import streamlit as st

        from explorer import session

        changed = session.bind(field)["on_change"]
        st.session_state[field] = value
        changed()

    app = AppTest.from_function(script, args=(field, value), default_timeout=SECONDS).run()
    assert errors(app) == []
    assert app.session_state["explorer_memory"].state == ExplorerState()
    assert app.session_state[field] == getattr(ExplorerState(), field)
