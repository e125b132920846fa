"""Sentences are found where people see them, and quoted as they stand."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb_index.sentences import sentences, spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We ship daily. Orders before 2 p.m. leave today.", ["We ship daily.", "Orders before 2 p.m. leave today."]),
        ("Is it free? Yes! Always.", ["Is it free?", "Yes!", "Always."]),
        ("Use a scale, e.g. The Fern 2. It helps.", ["Use a scale, e.g. The Fern 2.", "It helps."]),
        ("Ask Dr. Brewer. He knows.", ["Ask Dr. Brewer.", "He knows."]),
        ("Order no. 512 is late. Order 9 is not.", ["Order no. 512 is late.", "Order 9 is not."]),
        ("Can I pay later? No. Pay now.", ["Can I pay later?", "No.", "Pay now."]),
        ("It costs €4.90. From 3.5 kg on, €7.90.", ["It costs €4.90.", "From 3.5 kg on, €7.90."]),
        ("Drag Brew.app to the folder. Done.", ["Drag Brew.app to the folder.", "Done."]),
        ('She said "No." Then she left.', ['She said "No."', "Then she left."]),
        ("1. Open the lid. Wait.\n2. Close it.", ["1. Open the lid.", "Wait.", "2. Close it."]),
        ("- Beans\n- Tea", ["- Beans", "- Tea"]),
        ("Plug in USB C. Then wait.", ["Plug in USB C.", "Then wait."]),
        ("Ann J. Fern wrote it. Thanks.", ["Ann J. Fern wrote it.", "Thanks."]),
        ("送料は無料です。返品も無料です。", ["送料は無料です。", "返品も無料です。"]),
        ("no full stop at all", ["no full stop at all"]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_sentences_end_where_they_should(text: str, expected: list[str]):
    assert sentences(text) == expected


@given(st.text(alphabet="aA1.?!\n -。\"'", max_size=200))
def test_spans_are_in_order_and_leave_out_only_blanks(text: str):
    found = spans(text)
    covered = "".join(text[start:end] for start, end in found)
    assert covered.replace(" ", "") == "".join(text.split())
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    assert all(text[start:end].strip() for start, end in found)
