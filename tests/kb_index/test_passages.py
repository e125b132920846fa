"""Whatever Markdown and HTML a writer puts in, plain passages come out, under their headings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb_index.articles import ArticleError
from kb_index.markdown import render
from kb_index.passages import MAX_WORDS, passages


def texts(body: str) -> list[str]:
    return [passage.text for passage in passages(body, "A title")]


def test_headings_become_sections_with_the_help_pages_anchors():
    body = """
# A title

Intro that is long enough to stand on its own, because it has more than forty words in it, which takes some
time to write and even more to read, so here are a few more of them until it is surely past the limit of a lead.

## Shipping costs

Free from €50.

### To islands?

€10 more.

## Shipping costs {#costs-again}

Twice named.

<h2 id="by-hand">By <em>hand</em></h2>
<p>Typed in HTML.</p>
"""
    found = passages(body, "A title")
    assert [(each.heading, each.anchor) for each in found] == [
        ("", ""),
        ("Shipping costs", "shipping-costs"),
        ("Shipping costs > To islands?", "to-islands"),
        ("Shipping costs", "costs-again"),
        ("By hand", "by-hand"),
    ]
    page = str(render(body))
    assert all(f'id="{each.anchor}"' in page for each in found if each.anchor)


def test_anchors_are_unique_and_safe():
    soup = render("## Same\n\n## Same\n\n## ???\n\n## Ünïcode & more!\n\n## <script>alert(1)</script>\n")
    anchors = [heading["id"] for heading in soup.find_all("h2")]
    assert anchors == ["same", "same-2", "section", "ünïcode-more", "section-2"]


def test_a_short_lead_is_read_together_with_the_first_section():
    (passage,) = passages("Register it first.\n\n## Steps\n\n1. Open the order.", "Returns")
    assert passage.text == "Register it first.\n1. Open the order."
    assert (passage.heading, passage.anchor) == ("Steps", "steps")


def test_lists_keep_their_marks_and_levels():
    body = "Do this:\n\n3. Open the **lid**.\n4. Fill in:\n   - beans\n   - water\n\n     and wait\n\n5. Close.\n"
    assert texts(body) == ["Do this:\n3. Open the lid.\n4. Fill in:\n  - beans\n  - water and wait\n5. Close."]


def test_tables_become_lines_that_can_be_read_out():
    body = "| Paid by | Takes |\n| --- | --- |\n| PayPal | same day |\n| Card | 3<br>days |\n"
    assert texts(body) == ["Paid by: PayPal; Takes: same day\nPaid by: Card; Takes: 3, days"]


def test_html_tables_with_spans_and_without_heads():
    body = """<table><tr><td rowspan="2">GLS</td><td>Italy</td></tr><tr><td colspan="99999999">France
<ul><li>fast</li><li>cheap</li></ul></td></tr></table>"""
    assert texts(body) == ["GLS | Italy\nGLS | France, fast, cheap"]


def test_a_layout_table_is_no_table():
    assert texts("<table><tr><td><p>One.</p><p>Two.</p></td></tr></table>") == ["One.\nTwo."]


def test_images_are_said_only_where_the_sentence_needs_them():
    body = "![A kettle](k.png)\n\nClick the ![Gear icon](g.png) button, then ![Save button](s.png) **Save**.\n"
    assert texts(body) == ["Click the Gear icon button, then Save."]


def test_what_is_not_text_is_left_out():
    body = """Before.
<script>alert("x")</script><style>p {color: red}</style><!-- a comment -->
<iframe src="https://example.org">no frames</iframe><svg><text>drawn</text></svg>

After.
"""
    assert texts(body) == ["Before.\nAfter."]


def test_the_pages_own_table_of_contents_is_left_out():
    body = "In short.\n\n- [One](#one)\n- [Two](#two)\n\n## One\n\nFirst.\n\n## Two\n\n- [Elsewhere](/help/x)\n"
    assert texts(body) == ["In short.\nFirst.", "- Elsewhere"]


@pytest.mark.parametrize("announced", ["In this article:\n\n", "**On this page:**\n", ""])
def test_the_contents_are_known_by_their_links_and_go_with_what_announces_them(announced):
    body = (
        f"In short.\n\n{announced}\n* Shipments to [Europe](#one).\n* Shipments to the [USA](#two).\n\n## One\n\nFirst."
    )
    assert texts(body) == ["In short.\nFirst."]


def test_a_list_that_says_more_than_its_links_is_no_table_of_contents():
    body = "Have ready:\n\n- the number you find [below](#one) and in your e-mail\n- your address\n\n## One\n\nFirst."
    assert texts(body) == ["Have ready:\n- the number you find below and in your e-mail\n- your address\nFirst."]


def test_a_footnote_is_read_where_it_is_first_referred_to():
    body = (
        "For iOS[^1] and iPadOS[^1]. Boards[^2]:\n\n- one\n\n[^1]: version 12 or later\n[^2]: First.\n\n    Second.\n"
    )
    assert texts(body) == ["For iOS (version 12 or later) and iPadOS. Boards:\nFirst.\nSecond.\n- one"]


def test_what_stands_below_an_items_list_or_is_code_is_indented_like_it():
    body = "1. Open it.\n\n   - inner\n\n   And then.\n\n2. Run:\n\n   ```\n   go\n     now\n   ```\n"
    assert texts(body) == ["1. Open it.\n  - inner\n  And then.\n2. Run:\n  go\n    now"]


def test_a_long_footnote_in_a_list_stays_with_its_item():
    note = "word " * 30
    assert texts(f"- one[^n]\n- two\n\n[^n]: {note}") == [f"- one {note.strip()}\n- two"]


@pytest.mark.parametrize(
    "body",
    ["Text[^a]\n\n[^a]: again[^a] more", "Text[^a]\n\n[^a]: again[^b]\n[^b]: more[^a]", "Text ^[again more] [^none]"],
)
def test_footnotes_that_lead_nowhere_lose_no_text(body):
    found = " ".join(texts(body))
    assert all(word in found for word in ("Text", "again", "more"))


@pytest.mark.parametrize("behind", ["", "\n\nMore[^1].\n\n[^1]: a note\n"])
def test_a_writers_own_section_of_footnotes_loses_no_text(behind):
    body = '<section class="footnotes"><ol><li class="footnote-item">typed</li></ol></section>' + behind
    assert "typed" in " ".join(texts(f"Text.\n\n{body}"))
    assert not behind or "More (a note)." in " ".join(texts(f"Text.\n\n{body}"))


def test_more_footnotes_than_anybody_reads_are_borne():
    number = 8_000
    body = " ".join(f"x[^{i}]" for i in range(number)) + "\n\n" + "".join(f"[^{i}]: y{i}\n\n" for i in range(number))
    assert f"y{number - 1}" in str(render(body))


def test_attributes_of_other_dialects_are_no_text():
    body = """Get it [here](https://example.org){.link-external}, or [there](/x){: target="_blank" .button}.

{: .note #top}

Write `{.class}` in {braces} or {.bare} text.
"""
    assert texts(body) == ["Get it here, or there.\nWrite {.class} in {braces} or {.bare} text."]


def test_broken_html_loses_no_text():
    body = "<div><p>One <b>two <i>three</b> four</i><p>Five</div></div></span><li>Six<td>Seven"
    found = " ".join(texts(body)).replace("\n", " ")
    assert all(word in found for word in ("One two three four", "Five", "Six", "Seven"))


def test_entities_and_notes_read_as_text():
    assert texts("> [!WARNING]\n> Fish &amp; chips &lt;hot&gt;") == ["Warning: Fish & chips <hot>"]


def test_definitions_and_code_and_quotes():
    body = "<dl><dt>AeroPress</dt><dd>A press.</dd></dl>\n\n```\nbrew --now\n  slowly\n```\n\n> Quoted.\n"
    assert texts(body) == ["AeroPress: A press.\nbrew --now\n  slowly\nQuoted."]


def test_passages_are_bounded_and_no_sentence_is_split():
    sentence = "This sentence has exactly eight words in it."
    body = "## Long\n\n" + " ".join([sentence] * 100) + "\n\n## Short\n\n" + sentence
    found = passages(body, "A title")
    assert all(len(each.text.split()) <= MAX_WORDS for each in found)
    assert all(each.text.replace(sentence, "").strip() == "" for each in found)
    assert sum(each.text.count(sentence) for each in found) == 101
    assert all(len(each.text.split()) > MAX_WORDS / 2 for each in found if each.heading == "Long")


def test_what_announces_a_list_stays_with_it():
    body = "## How\n\n" + "Some words that fill up. " * 22 + "\n\nDo this:\n\n" + "1. One step.\n" * 30
    found = [each.text for each in passages(body, "A title")]
    assert len(found) > 1
    assert not any(text.endswith("Do this:") for text in found)


def test_endless_text_without_a_stop_is_cut_all_the_same():
    assert all(len(text.split()) <= MAX_WORDS for text in texts("word " * 5_000))
    assert all(len(text) <= MAX_WORDS * 20 for text in texts("x" * 50_000))
    assert all(len(text) <= MAX_WORDS for text in texts("送料無料" * 5_000))


@pytest.mark.parametrize(
    "body", ["", "   \n", "![only an image](x.png)", "<script>1</script>", "---\n\n***", "<!-- -->"]
)
def test_an_article_without_text_is_refused(body: str):
    with pytest.raises(ArticleError, match="no text"):
        passages(body, "A title")


@pytest.mark.parametrize(
    "body",
    [
        "<div>" * 3_000 + "deep" + "</div>" * 3_000,
        "<ul><li>" * 1_000 + "deep",
        "> " * 2_000 + "deep",
        "<b>" * 5_000 + "deep",
        "<table><tr><td>" * 300 + "deep",
        "- " * 500 + "deep",
    ],
)
def test_markup_nested_to_absurdity_is_read_or_refused(body: str):
    try:
        assert any("deep" in text for text in texts(body))
    except ArticleError as error:
        assert "nested" in str(error) or "no text" in str(error)


# fmt: off
PIECES = st.sampled_from([
    "# h", "## h {#id}", "text. More", "- item", "1. one", "  - inner", "| a | b |\n|---|---|\n| 1 | 2 |", "<div>",
    "</div>", "<li>", "<table><tr><td>", "</td>", "<br>", "**b", "`c", "```", "> q", "![i](u)", "[l](#x)", "<a href=x",
    "&nbsp;", "\t", "\0", "<p", "<h2>", "</h2>", "\\", "<!--", "-->", "<![CDATA[", "<?php", "</ul>", "<ol start=x>",
])
# fmt: on


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(PIECES, st.sampled_from(["\n", "\n\n", " "])), max_size=25))
def test_no_markdown_breaks_the_splitter(pieces: list[tuple[str, str]]):
    body = "".join(piece + glue for piece, glue in pieces)
    try:
        found = passages(body, "A title")
    except ArticleError as error:
        assert "no text" in str(error)
        return
    assert all(each.text.strip() and each.text == each.text.rstrip() for each in found)
    assert all("\0" not in each.text for each in found)
