"""Emoji in words: the encoder's vocabulary has none of them, and would read each as the same unknown token."""

import re
import unicodedata

# Misc symbols and dingbats, arrows and stars, and the planes of emoji; a row of the same one says no more than one.
_PICTOGRAPHS = re.compile(r"([\u2600-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff])(?:\s*\1)*")
# What only changes the one before it: its colour of skin, its style, what it is joined to; and letters of flags.
_MARKS = re.compile("[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U0001f1e6-\U0001f1ff]")


def in_words(text: str) -> str:
    """Return a text with each emoji as its Unicode name: "ok \N{THUMBS UP SIGN}" is "ok thumbs up sign"."""
    if text.isascii() or not _PICTOGRAPHS.search(text):
        return text
    return " ".join(_PICTOGRAPHS.sub(_name, _MARKS.sub("", text)).split())


def _name(found: re.Match[str]) -> str:
    return f" {unicodedata.name(found[1], '').lower()} "
