"""Articles are read from files as their writers meant them, or refused with the reason."""

from pathlib import Path

import pytest

from kb_index.articles import MAX_BODY, MAX_FILE_BYTES, Article, ArticleError, find_files, parse, read_file


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_front_matter_names_everything():
    text = """---
title: "Return it: how?"
id: 360014704319
category: returns
section: how-to
language: pt-BR
url: /help/returns
questions:
  - How do I send it back?
  - 14
---

The body.
"""
    assert parse(text, Path("a/b/c.md")) == Article(
        id="360014704319",
        title="Return it: how?",
        body="The body.",
        category="returns",
        section="how-to",
        language="pt-BR",
        url="/help/returns",
        questions=("How do I send it back?", "14"),
    )


def test_what_front_matter_leaves_out_comes_from_the_place_and_the_text():
    article = parse("# Late parcels #\n\nWait.", Path("Store Support/Shipping/Late parcels.md"))
    assert article.id == "store-support-shipping-late-parcels"
    assert article.title == "Late parcels"
    assert (article.category, article.section, article.language) == ("Store Support", "Shipping", "en")
    assert parse("Just text.", Path("my-file.md")).title == "my file"


@pytest.mark.parametrize("front", ["", "title: Hello\n", "# only a comment\n"])
def test_front_matter_may_be_short_or_empty(front: str):
    assert parse(f"---\n{front}---\nText.", Path("x.md")).body == "Text."


def test_a_rule_in_the_text_is_no_front_matter():
    assert parse("Above.\n\n---\n\nBelow.", Path("x.md")).body == "Above.\n\n---\n\nBelow."


def test_windows_files_and_byte_order_marks_are_read(tmp_path: Path):
    path = write(tmp_path / "a.md", b"\xef\xbb\xbf---\r\ntitle: Hello\r\n---\r\nOne.\r\nTwo.\r\n")
    article = read_file(path, tmp_path)
    assert (article.title, article.body) == ("Hello", "One.\nTwo.")


def test_long_and_foreign_paths_make_ids_of_their_own():
    first = parse("Text.", Path("x" * 200 + "/a.md")).id
    second = parse("Text.", Path("y" + "x" * 199 + "/a.md")).id
    assert first != second
    assert max(len(first), len(second)) <= 80
    assert parse("Text.", Path("退货.md")).id != parse("Text.", Path("送料.md")).id


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty"),
        ("  \n ", "empty"),
        ("---\ntitle: Hello\n---\n", "empty"),
        (b"caf\xe9", r"not UTF-8 \(byte 3\)"),
        ("---\ntitle: [unclosed\n---\nText.", "bad front matter in line"),
        ("---\ntitle: a: b\n---\nText.", "bad front matter in line 2"),
        ("---\n- a\n- b\n---\nText.", "bad front matter"),
        ("---\ntitle: Hello\nText without an end.", "not closed"),
        ("---\ntitle: {a: 1}\n---\nText.", "'title' is not a single value"),
        ("---\nquestions: {a: 1}\n---\nText.", "'questions' is not a list"),
        ("---\nquestions: [[a]]\n---\nText.", "'questions' is not a list"),
        ("---\nid: ../../etc/passwd\n---\nText.", "the id"),
        ("---\nid: " + "x" * 81 + "\n---\nText.", "the id"),
        ("---\ntitle: " + "x" * 301 + "\n---\nText.", "longer than 300"),
        ("---\nurl: javascript:alert(1)\n---\nText.", "the url"),
        ("---\nlanguage: Klingon!\n---\nText.", "no language tag"),
        ("---\nquestions: [" + "a, " * 51 + "]\n---\nText.", "more than 50 questions"),
        ("---\n!!python/object/apply:os.system ['true']\n---\nText.", "bad front matter"),
        ("---\na: &a [x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}]\n" for i in range(20))
         + "title: *u\n---\nText.", "not a single value"),
        ("x" * (MAX_BODY + 1), "longer than 300,000"),
        ("x" * (MAX_FILE_BYTES + 1), "the limit is 1,000,000"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path, content: str | bytes, reason: str):
    with pytest.raises(ArticleError, match=reason):
        read_file(write(tmp_path / "article.md", content), tmp_path)


@pytest.mark.parametrize("text", ["null \0 byte", "lone \ud800 surrogate"])
def test_what_no_database_could_store_is_refused(text: str):
    with pytest.raises(ArticleError, match="cannot be stored"):
        Article(id="a", title="T", body=text)


def test_only_visible_markdown_is_found_in_a_stable_order(tmp_path: Path):
    for name in ("b.md", "a/z.MARKDOWN", ".git/x.md", "a/.hidden.md", "c.txt", "a/a.md"):
        write(tmp_path / name, "Text.")
    (tmp_path / "folder.md").mkdir()
    found = [str(path.relative_to(tmp_path)) for path in find_files(tmp_path)]
    assert found == ["a/a.md", "a/z.MARKDOWN", "b.md"]
    assert find_files(tmp_path / "c.txt") == [tmp_path / "c.txt"]


def test_the_digest_tells_every_change_and_only_changes():
    base = dict(id="a", title="T", body="B", category="c", section="s", language="en", url="/u", questions=("q",))
    same = Article(**base).digest
    assert Article(**base).digest == same
    for name, value in {**dict.fromkeys(base, "x"), "url": "/x", "language": "de", "questions": ("x",)}.items():
        assert Article(**{**base, name: value}).digest != same, name
