"""What the wording of a message tells, without any search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import wording


@pytest.mark.parametrize("text", ["and to Canada?", "what about gift cards", "how long does *that* take", "Canada?"])
def test_what_leans_on_the_turn_before_is_noticed(text):
    assert wording.leaning(text) > 0


@pytest.mark.parametrize("text", ["How do I reset my password?", "which coffee do you recommend for milk drinks"])
def test_what_stands_by_itself_does_not_lean(text):
    assert wording.leaning(text) == 0


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Do you take Amex? And could you wrap it nicely?", ("Do you take Amex?", "And could you wrap it nicely?")),
        ("can I pause it, and how do I change it later", ("can I pause it", "how do I change it later")),
    ],
)
def test_two_questions_are_parted_where_the_second_begins(text, parts):
    assert wording.two_questions(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "I ordered a mug. Can I return it?",
        "Do you ship to Austria and Germany?",
        "How do I clean the French press and the moka pot?",
        "hello",
    ],
)
def test_one_question_is_left_whole(text):
    assert wording.two_questions(text) is None


def test_the_opening_of_a_follow_up_is_left_out_but_never_all_of_it():
    assert wording.bare("ok and what about Canada?") == "Canada?"
    assert wording.bare("and then?") == "and then?"


@given(st.text(max_size=400))
def test_any_text_is_taken(text):
    assert 0 <= wording.leaning(text) <= wording.MOST_LEANING
    assert text == "" or wording.bare(text)
    parts = wording.two_questions(text)
    assert parts is None or all(part in text or part.replace(" ", "") in "".join(text.split()) for part in parts)
