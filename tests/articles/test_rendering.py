"""Articles as HTML: readable, with the anchors that answers link to, and with nothing in them that runs."""

import re

import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.articles.rendering import ATTRIBUTES, TAGS, WIDE, rendered
from bot.errors import Invalid
from kb_index.passages import passages

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "<iframe src='https://evil.example'></iframe>",
    "<svg><script>alert(1)</script></svg>",
    "<svg/onload=alert(1)>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<form action='https://evil.example'><input name=password></form>",
    "<style>body{display:none}</style>",
    "<p style='position:fixed;inset:0'>x</p>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href='https://evil.example/'>",
    "<object data='https://evil.example'></object><embed src='https://evil.example'>",
    "<details open ontoggle=alert(1)>x</details>",
    "<div hx-get='/desk' hx-trigger='load' data-hx-post='/sign-out'>x</div>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<h2 id='sb_main' onclick='alert(1)'>x</h2>",
    "<table><td background='javascript:alert(1)'>x</td></table>",
    "```\n<script>alert(1)</script>\n```",
    "<hx-partial hx-target='body'>x</hx-partial>",
    "<a title='<table><img src=x onerror=alert(1)>'>x</a>",
    "<div class='notices' role='alert' tabindex='5'>x</div>",
    "<<script>script>alert(1)<</script>/script>",
]


def offences(html):
    """What could run, load a frame, send a form, or leave its place."""
    allowed = {(tag, name) for tag, names in ATTRIBUTES.items() for name in names}
    allowed |= {("a", "rel"), ("img", "loading")}
    for tag in BeautifulSoup(html, "html.parser").find_all(True):
        if tag.name not in TAGS:
            yield tag.name
        for name, value in tag.attrs.items():
            ours = tag.name != "div" or value in ("wide", ["wide"], *WIDE.values())
            if name not in ATTRIBUTES["*"] and not ((tag.name, name) in allowed and ours):
                yield f"{tag.name} {name}"
            scheme = re.match(r"\s*([a-z]+):", str(value).lower())
            if name in ("href", "src") and scheme and scheme.group(1) not in ("http", "https", "mailto", "tel"):
                yield f"{name} {value}"
            if name == "id" and value.startswith("sb_"):
                yield f"id {value}"


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_comes_out_harmless(attack):
    html = rendered("Title", f"Before.\n\n{attack}\n\nAfter.").html
    assert list(offences(html)) == []
    assert "Before." in html


@given(
    st.lists(st.sampled_from([*ATTACKS, "## Heading", "text", "<", ">", '"', "'", "`", "\n\n", "|", "-"]), max_size=8)
)
@settings(max_examples=150, deadline=None)
def test_attacks_together_come_out_harmless(parts):
    assert list(offences(rendered("Title", "".join(parts)).html)) == []


def test_headings_have_the_anchors_of_their_passages():
    body = "\n\n".join(
        f"{heading}\n\nSome text here."
        for heading in (
            "## What's covered?",
            "## Übergrößen",
            "## Twice",
            "## Twice",
            "### Own {#own-id}",
            "<h2>Raw</h2>",
        )
    )
    html = BeautifulSoup(rendered("Title", body).html, "html.parser")
    shown = [heading["id"] for heading in html.find_all(["h2", "h3"])]
    assert shown == [passage.anchor for passage in passages(body, "Title")]
    assert len(set(shown)) == 6


def test_what_writers_need_stays():
    body = (
        "# Returns\n\nSend it **back** within 30 days.\n\n1. Pack\n2. Send\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\n"
        "![A parcel](/parcel.png) [shop](https://shop.example) <kbd>Ctrl</kbd> ~~old~~\n\n> Quote\n\n## More"
    )
    shown = rendered("Returns", body)
    for tag in (
        "<strong>",
        "<ol>",
        "<table>",
        "<kbd>",
        "<s>",
        "<blockquote>",
        'alt="A parcel"',
        "https://shop.example",
    ):
        assert tag in shown.html, tag
    assert "<h1" not in shown.html, "the page shows the title already"
    assert shown.outline == (("more", "More"),)


def test_a_marked_note_is_named():
    shown = rendered("Returns", "> [!WARNING]\n> Hot <b>water</b>.\n\n> No [!NOTE] here.\n\n[!TIP] nor here.")
    assert "<p><strong>Warning:</strong> Hot <b>water</b>.</p>" in shown.html
    assert "No [!NOTE] here." in shown.html and "[!TIP] nor here." in shown.html


def test_deep_nesting_and_great_length_are_borne():
    for body in ("> " * 3000 + "x", "<div>" * 3000 + "x", "- " * 3000 + "x", "<b>" * 3000 + "x", "<table><td>" * 500):
        assert list(offences(rendered("Title", body).html)) == []
    with pytest.raises(Invalid, match="tables"):
        rendered("Title", "<table>" * 20_000)
    assert len(rendered("Title", "word " * 40_000).html) > 200_000 - 10
