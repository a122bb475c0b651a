"""Laws of terms: the glossary has what is asked of it, in sentences, and what is marked stays as it was."""

import re

import pytest

from explorer.markup import terms
from explorer.state import FIELDS


@pytest.mark.parametrize("name", terms.GLOSSARY)
def test_a_meaning_is_one_to_three_whole_sentences(name):
    sentences = terms.GLOSSARY[name].sentences
    assert sentences[0].isupper()
    assert sentences.endswith(".")
    assert 1 <= len(re.findall(r"\.(?: |$)", sentences)) <= 3


def test_every_widget_that_is_named_has_a_field_and_a_meaning():
    assert set(terms.WIDGETS) <= set(FIELDS)
    assert set(terms.WIDGETS.values()) <= set(terms.GLOSSARY)


def test_marking_changes_no_word_and_marks_each_term_once():
    text = "error 30.0 · KL 5.00 · KL"
    marked = terms.mark(text, "error", "KL", "ELBO")
    assert re.sub(r"<[^>]+>", "", marked) == text
    assert re.findall(r'data-term="([^"]+)"', marked) == ["error", "KL"]


def test_a_word_that_is_no_term_is_text():
    assert terms.explained("<b>") == "&lt;b&gt;"
    assert "button" in terms.explained("geodesic")
    with pytest.raises(KeyError, match="<b> is not in the glossary"):
        terms.term("<b>")
