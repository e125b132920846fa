"""Emoji in words: the encoder's vocabulary has none of them, and would read each as the same unknown token."""

import re
import unicodedata

# Misc symbols and dingbats, arrows and stars, and the planes of emoji; a row of the same one says no more than one.
_PICTOGRAPH = re.compile(r"([\u2600-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff])[\ufe0f\U0001f3fb-\U0001f3ff]?")
# What only changes the one before it: its colour of skin, its style, what it is joined to; and letters of flags.
_MARKS = re.compile("[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U0001f1e6-\U0001f1ff]")
_ROW = re.compile(r"(\S)(?:\s*\1)+")


def in_words(text: str) -> str:
    """Return a text with each emoji as its Unicode name: "ok \N{THUMBS UP SIGN}" is "ok thumbs up sign"."""
    if text.isascii() or not _PICTOGRAPH.search(text):
        return text
    plain = _MARKS.sub("", text)
    return " ".join(_PICTOGRAPH.sub(_name, _in_a_row(plain)).split())


def _in_a_row(text: str) -> str:
    return _ROW.sub(lambda row: row[1] if _PICTOGRAPH.match(row[1]) else row[0], text)


def _name(found: re.Match[str]) -> str:
    return f" {unicodedata.name(found[1], '').lower()} "
