"""Texts to teach with, from where anyone can have them: Debian's manuals, its dictionary and its descriptions of
packages, and files of public messages. No question set that retrieval is reported on is among them.
"""

import csv
import gzip
import html
import json
import random
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from kb_index.articles import find_files, read_file
from kb_index.distillation import sources
from kb_index.markdown import render
from kb_index.sentences import sentences

_BREAKS = frozenset((
    "p", "li", "h1", "h2", "h3", "h4", "h5", "h6", "title", "dt", "dd", "td", "th", "para", "listitem", "item",
    "paragraph", "tr", "div", "section", "table", "pre", "term", "screen", "desc", "note", "programlisting",
    "sect1", "sect2", "chapter", "script", "style", "info", "credit", "legalnotice",
))  # fmt: skip
_HEADS = frozenset(("h1", "h2", "h3", "h4", "title", "term", "dt"))
_LEFT_OUT = frozenset(("script", "style", "pre", "programlisting", "screen", "info", "legalnotice", "nav"))
_PAGE = re.compile(r"\.(html?|page|docbook|xml|xhp)(\.gz)?$", re.I)


@dataclass
class Texts:
    """Short texts (titles, sentences, messages) and passages, each with where it is from; each text once."""

    short: dict[str, str] = field(default_factory=dict)
    passages: dict[str, str] = field(default_factory=dict)

    def add_short(self, source: str, text: str) -> None:
        if 2 <= len(text.split()) <= 32 and _prose(text) > 0.8:
            self.short.setdefault(text.strip(), source)

    def add_passage(self, source: str, text: str) -> None:
        if 18 <= len(text.split()) <= 130 and _prose(text) > 0.86:
            self.passages.setdefault(text, source)


def _prose(text: str) -> float:
    return sum(each.isalpha() or each == " " for each in text) / max(len(text), 1)


class _Blocks(HTMLParser):
    """The blocks of a page, each with its tag; HTML, DocBook and Mallard alike."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []
        self._words: list[str] = []
        self._skipped, self._tag = 0, "p"

    def handle_starttag(self, tag, attrs):
        self._skipped += tag in _LEFT_OUT
        if tag in _BREAKS:
            self._end(tag)

    def handle_endtag(self, tag):
        if tag in _LEFT_OUT:
            self._skipped = max(0, self._skipped - 1)
        if tag in _BREAKS:
            self._end("p")

    def handle_data(self, data):
        if not self._skipped:
            self._words.append(data)

    def _end(self, following: str) -> None:
        if text := " ".join("".join(self._words).split()):
            self.found.append((self._tag, text))
        self._words, self._tag = [], following


def add_page(texts: Texts, source: str, page: str) -> None:
    """Add a page's headings, sentences, and passages of at most 120 words under one heading."""
    blocks = _Blocks()
    # DocBook names products by entities of its own: the name will do.
    known = re.sub(r"&([\w.-]+);", lambda each: each[0] if html.unescape(each[0]) != each[0] else each[1], page)
    blocks.feed(re.sub(r"<!DOCTYPE[^\[>]*(\[.*?\])?\s*>", "", known, flags=re.DOTALL))
    blocks.close()
    held: list[str] = []
    for tag, text in [*blocks.found, ("title", "")]:
        words = sum(len(each.split()) for each in held)
        if tag in _HEADS or words + len(text.split()) > 120:
            texts.add_passage(source, " ".join(held))
            held = []
        if tag in _HEADS:
            texts.add_short(source, text)
        elif len(text.split()) >= 4:
            held.append(text)
            for sentence in sentences(text):
                if 5 <= len(sentence.split()) <= 30:
                    texts.add_short(f"{source}, sentences", sentence)


def add_manual(texts: Texts, source: str, folder: Path) -> None:
    """Add the English pages of an unpacked package."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or not _PAGE.search(name) or not _english(name):
            continue
        stored = path.read_bytes()
        page = (gzip.decompress(stored) if name.endswith(".gz") else stored).decode("utf-8", "replace")
        add_page(texts, source, page)


def _english(name: str) -> bool:
    for folder, own in (
        ("/help/", ("/C/", "/en")),
        ("/HTML/", ("/HTML/en/",)),
        ("/debian-handbook/", ("/en-US/",)),
        ("/installation-guide", ("/en",)),
        ("/wesnoth", (".en.",)),
    ):
        if folder in f"/{name}" and not any(each in f"/{name}" for each in own):
            return False
    return True


def add_dictionary(texts: Texts, folder: Path, dice: random.Random) -> None:
    """Add WordNet's example sentences, and a third of its meanings, half of these with their word."""
    for path in sorted(folder.rglob("data.*")):
        for line in path.read_text(errors="replace").splitlines():
            if " | " not in line:
                continue
            left, gloss = line.split(" | ", 1)
            word = left.split()[4].replace("_", " ")
            for example in re.findall(r'"([^"]+)"', gloss):
                texts.add_short("examples", example)
            meaning = gloss.split(";")[0].strip()
            if dice.random() < 0.35:
                texts.add_short("meanings", f"{word}: {meaning}" if dice.random() < 0.5 else meaning)


def add_sayings(texts: Texts, folder: Path) -> None:
    """Add the fortunes, short ones and longer ones."""
    for path in sorted(folder.rglob("games/fortunes/*")):
        if path.is_symlink() or path.suffix in (".dat", ".u8"):
            continue
        for saying in path.read_text(errors="replace").split("\n%\n"):
            text = " ".join(saying.split())
            texts.add_passage("fortunes", text)
            texts.add_short("sayings", text)


def add_packages(texts: Texts) -> None:
    """Add the one-line descriptions of all packages that this Debian knows."""
    known = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
    for line in re.findall(r"^Description(?:-en)?: (.*)", known, re.MULTILINE):
        texts.add_short("packages", line)


def add_messages(texts: Texts, path: Path) -> None:
    """Add the `text` of JSON lines, or the first column of a CSV file with a header."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as lines:
            for row in list(csv.reader(lines))[1:]:
                texts.add_short(path.parent.name, row[0])
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        texts.add_short("messages", json.loads(line)["text"])


def add_articles(texts: Texts, folder: Path) -> None:
    """Add a help centre of Markdown files: titles, headings, sentences and passages. Raises `ArticleError`."""
    for path in find_files(folder):
        article = read_file(path, folder)
        texts.add_short("articles", article.title)
        add_page(texts, "articles", str(render(article.body)))


def unpacked(packages: list[str], folder: Path) -> Iterator[tuple[str, Path]]:
    """Fetch Debian packages without installing them; yield each one's name and the folder it is unpacked into."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        target = folder / package
        if not target.is_dir():
            subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True, capture_output=True)
            [archive] = folder.glob(f"{package}_*.deb")
            # A run that was ended in between does it again.
            aside = folder / f".{package}"
            subprocess.run(["dpkg-deb", "-x", str(archive), str(aside)], check=True)
            archive.unlink()
            aside.rename(target)
        yield package, target


def chosen(texts: Texts, dice: random.Random) -> tuple[list[str], list[str]]:
    """Return short texts and passages in random order, of no source too many, with questions made from headings and
    fragments of sentences, as people type them."""
    by_source: dict[str, list[str]] = defaultdict(list)
    for text, source in texts.short.items():
        by_source[source].append(text)
    short, headings, spoken = [], [], []
    for source, found in by_source.items():
        dice.shuffle(found)
        manual, _, kind = source.partition(", ")
        most = sources.SENTENCES.get(manual, sources.MOST_SENTENCES) if kind else sources.MOST.get(source, len(found))
        short += found[:most]
        if kind or source in ("messages", "examples"):
            spoken += found[:most]
        elif source in sources.MANUALS:
            headings += [text for text in found[:most] if len(text.split()) <= 9]
    dice.shuffle(headings)
    for heading in headings[: sources.QUESTIONS]:
        bare = re.sub(r"^(How to|To|How do I|Using|The|What is) ", "", heading).rstrip("?.").lower()
        short.append(dice.choice(sources.ASKED).format(bare))
    dice.shuffle(spoken)
    for sentence in spoken[: sources.FRAGMENTS]:
        words = sentence.split()
        if len(words) > 7:
            start = dice.randrange(0, len(words) - 5)
            short.append(" ".join(words[start : start + dice.randint(2, 6)]).lower())
    passages_of: dict[str, list[str]] = defaultdict(list)
    for text, source in texts.passages.items():
        passages_of[source].append(text)
    passages = []
    for source, found in passages_of.items():
        dice.shuffle(found)
        passages += found[: sources.PASSAGES.get(source, sources.MOST_PASSAGES)]
    short = list(dict.fromkeys(short))
    dice.shuffle(short)
    dice.shuffle(passages)
    return short, passages
