"""What is quoted is readable in a chat: tables are lists, lists have room, and no cell's words are changed."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb_index.answers import Block
from kb_index.readable import readable, told
from kb_index.sources import Source


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [
        ("Zone: 6; Countries: Canada; Price: 24.90", "\u2022 Zone 6 \u2013 Countries: Canada; Price: 24.90"),
        ("Way: Post; Address: Cork; Answer: -", "\u2022 Post \u2013 Address: Cork"),
        ("Way: Post; Address: Cork; Kinsale; Answer: no", "\u2022 Post \u2013 Address: Cork; Kinsale; Answer: no"),
        (
            "Paid by: PayPal; You see it: same day\nPaid by: Card; You see it: in 3 days",
            "You see it:\n\u2022 PayPal: same day\n\u2022 Card: in 3 days",
        ),
        (
            "We sell nothing.\nWho: Ann; What: b; Why: c\nThat is all.",
            "We sell nothing.\n\n\u2022 Ann \u2013 What: b; Why: c\n\nThat is all.",
        ),
        ("Not these:\n- tea\n  - green\n- a-b - c", "Not these:\n\u2022 tea\n  \u2022 green\n\u2022 a-b - c"),
        ("Do this:\n1. Open it.\n2. Close it.\nThen rest.", "Do this:\n1. Open it.\n2. Close it.\n\nThen rest."),
        ("1. Open it.\n  It is hot.\n2. Close it.", "1. Open it.\n  It is hot.\n2. Close it."),
        (
            "One sentence. And another: it has a colon; nothing more.",
            "One sentence. And another: it has a colon; nothing more.",
        ),
    ],
)
def test_tables_are_lists_and_lists_have_room(quoted, shown):
    assert readable(quoted) == shown


@given(st.text(alphabet="ab1:;-. \n\u2022", max_size=200))
def test_nothing_but_the_first_heading_and_empty_cells_is_left_out(text):
    said = re.findall(r"[ab1]+", readable(text))
    assert set(said) <= set(re.findall(r"[ab1]+", text))
    if ";" not in text:
        assert said == re.findall(r"[ab1]+", text)


def test_a_list_says_which_heading_it_is_under_where_another_came_before():
    def source(heading):
        return Source("1. Open it.\n2. Close it.", heading, "", np.zeros((2, 3), np.float32))

    sources = [source(""), source("Steps"), source("Steps > By hand"), source("With the app?")]
    quoted = [Block("1. Open it.", at, 0, 0, 0.5) for at in range(4)]
    assert told(sources, quoted[1:2]) == "1. Open it."
    assert told(sources, quoted[2:3]) == "By hand:\n1. Open it."
    assert told(sources, quoted) == (
        "1. Open it.\n\nSteps:\n1. Open it.\n\nBy hand:\n1. Open it.\n\nWith the app?\n1. Open it."
    )
    sentence = Block("Open it.", 3, 0, 0, 0.5)
    assert told(sources, [quoted[1], sentence, quoted[3]]) == "1. Open it.\n\nOpen it.\n\n1. Open it."
