"""`scripts/bench faqs`: FAQs in the forms that their packages have them become sets of questions."""

import json
from pathlib import Path

import pytest

from benchmarks import faqs

POD = """=head1 NAME

perlfaq1 - General

=head2 What is B<Perl>, in F<one> L<word|perlintro>?

It is a language with C<< a <- b >> and E<lt>angles,
in two lines and more.

=for comment nothing

=head2 Is it stable?

Yes.

=head1 AUTHOR

Somebody who must not be in an answer, whatever it says.
"""
PYTHON = """<h1>General</h1><section id="what-is-it"><h3>What is it for?<a class="headerlink" href="#x">¶</a></h3>
<p>For all kinds of things,
really, that you want.</p><pre>x = 1
y = 2</pre></section><section id="next"><h3>And what comes next?<a class="headerlink" href="#y">¶</a></h3>
<p>One more answer with more than eight words in it.</p><div class="footer">Created by Sphinx</div></section>"""
PRIVOXY = """<H3 CLASS="SECT2"><A NAME="WHY">1.2. Why should I
use it?</A></H3><P>Because it is <SPAN>highly</SPAN> configurable, and you want to see no banners.</P>
<H3><A NAME="SHORT">1.3. And what is this?</A></H3><P>See above.</P><DIV CLASS="NAVFOOTER">Prev Next</DIV>"""
FETCHMAIL = """<h2>General problems</h2><h2><a id="G1" name="G1">G1. What does it do and why?</a></h2>
<p>It fetches the mail from where it lies to where you read it.</p><hr/><p>Footer</p>"""


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    for place, text in (
        ("perl-doc/usr/share/perl/5.36.0/pod/perlfaq1.pod", POD),
        ("python3.11-doc/usr/share/doc/python3.11/html/faq/general.html", PYTHON),
        ("privoxy/usr/share/doc/privoxy/faq/general.html", PRIVOXY),
        ("fetchmail/usr/share/doc/fetchmail/fetchmail-FAQ.html", FETCHMAIL),
    ):
        path = tmp_path / "packages" / place
        path.parent.mkdir(parents=True)
        path.write_text(text, "utf-8")
    return tmp_path


def corpus(folder: Path, name: str) -> dict[str, tuple[str, str]]:
    rows = map(json.loads, (folder / name / "corpus.jsonl").read_text("utf-8").splitlines())
    return {row["_id"]: (row["title"], row["text"]) for row in rows}


def test_each_question_is_the_title_of_its_answer(fetched):
    faqs.write(fetched)
    answer = "It is a language with a <- b and <angles,\nin two lines and more."
    assert corpus(fetched, "perl") == {"perlfaq1-1": ("What is Perl, in one word?", answer)}
    assert corpus(fetched, "python") == {
        "general-what-is-it": ("What is it for?", "For all kinds of things, really, that you want.\nx = 1\ny = 2"),
        "general-next": ("And what comes next?", "One more answer with more than eight words in it."),
    }
    assert corpus(fetched, "proxy-and-mail") == {
        "privoxy-WHY": ("Why should I use it?", "Because it is highly configurable, and you want to see no banners."),
        "fetchmail-G1": ("What does it do and why?", "It fetches the mail from where it lies to where you read it."),
    }


def test_asked_by_its_own_questions_the_answers_have_no_titles(fetched):
    faqs.write(fetched)
    assert {title for title, _ in corpus(fetched, "python-answers").values()} == {""}
    queries = (fetched / "python-answers" / "queries.jsonl").read_text("utf-8").splitlines()
    assert json.loads(queries[1]) == {"_id": "general-next", "text": "And what comes next?"}
    assert "general-next\tgeneral-next\t1\n" in (fetched / "python-answers" / "qrels.tsv").read_text("utf-8")


def test_messages_for_another_version_of_an_faq_are_refused_with_the_one_that_is_missing(fetched, capsys):
    assert faqs.main(["--folder", str(fetched)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "no article has the id 'perlfaq1-" in said
