"""The language that a customer writes in: said only where it is sure, and is not that of the articles.

A customer who is mistaken for a foreigner is annoyed, one who is not recognised gets what everybody got before. So few
words, names, addresses, order numbers and typing errors say nothing.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from py3langid import langid

# What can be recognised, with names for the people who take over.
NAMES = {
    "ar": "Arabic",
    "bg": "Bulgarian",
    "ca": "Catalan",
    "cs": "Czech",
    "cy": "Welsh",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "et": "Estonian",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "ga": "Irish",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
# Chosen on the messages of data/evaluation with an even number; the tests report the others and languages.jsonl.
SURE = 0.6
RULED_OUT = 0.01
# Spanish looks like Portuguese too; where it is so surely not the articles' language, half is enough.
SURE_ENOUGH, SURELY_NOT = 0.5, 0.002
MIN_WORDS = 3
# Scripts that write without spaces: so many letters make a sentence.
MIN_LETTERS_UNSPACED = 5
MAX_TEXT = 500

# Words that English has and hardly another language: two of them in a message are enough.
_ENGLISH = re.compile(
    r"(?<![\w'])(?:the|what|how|when|where|why|which|who|could|would|should|does|did|(?:do|does|did|ca|wo)n't|i'(?:m|ve|d|ll)|"
    r"it's|with|from|this|that|there|been|your|you|get|got|because|than|please|something|anything)(?![\w'])",
    re.IGNORECASE,
)
PLAINLY = 2

# What a passed-on customer is told, in the languages that the widget speaks; English for all others.
HANDED_ON = {
    "en": "I can't answer in your language yet, so I am asking a person to help you. You can keep writing.",
    "de": "In Ihrer Sprache kann ich leider noch nicht antworten. Ich hole deshalb einen Menschen dazu; "
    "Sie können gern weiterschreiben.",
    "es": "Todavía no puedo responder en tu idioma, así que aviso a una persona para que te ayude. "
    "Puedes seguir escribiendo.",
    "fr": "Je ne sais pas encore répondre dans votre langue : je demande donc à une personne de vous aider. "
    "Vous pouvez continuer à écrire.",
}

_NO_WORDS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|\S*\d\S*|•+")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019\-][^\W\d_]+)*")
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True)
class Guess:
    """`language` is the likeliest, as ISO 639-1; `probability` its own and `expected` that of the articles' language.

    `foreign` says whether it is surely not the articles' language; `why` says in words what spoke for it or against.
    """

    language: str
    probability: float
    expected: float
    foreign: bool
    why: str


class Languages:
    """Tells the articles' language, ISO 639-1, from others. Takes half a second to load, and .05 ms a message."""

    def __init__(self, articles: str) -> None:
        if articles not in NAMES:
            raise ValueError(f"no such language: {articles}; one of {', '.join(NAMES)}")
        self.articles = articles
        self._identifier = _load()

    def foreign(self, text: str) -> str | None:
        """The language of `text` where it is surely another one than the articles'."""
        # Most messages need no statistics, which with cold caches take .3 ms of every turn.
        if self.articles == "en" and plainly_english(text):
            return None
        guess = self.guess(text)
        return guess.language if guess and guess.foreign else None

    def guess(self, text: str) -> Guess | None:
        """None where there is nothing in `text` to go by."""
        plain = _NO_WORDS.sub(" ", text[:MAX_TEXT])
        words = _WORD.findall(plain)
        if not words:
            return None
        # Capitals look like other languages to something that was trained on ordinary sentences.
        ranked = self._identifier.rank(plain.lower() if plain.isupper() else plain)
        probabilities = {str(language): float(probability) for language, probability in ranked}
        best = max(probabilities, key=probabilities.__getitem__)
        expected = probabilities[self.articles]
        against = _against(plain, words, best == self.articles, probabilities[best], expected)
        why = against or f"surely {NAMES[best]}, and surely not {NAMES[self.articles]}"
        return Guess(best, probabilities[best], expected, not against, why)


def plainly_english(text: str) -> bool:
    """Whether a text has several different words that are English and hardly anything else."""
    return text.isascii() and len({word.lower() for word in _ENGLISH.findall(text[:MAX_TEXT])}) >= PLAINLY


def _against(plain: str, words: list[str], same: bool, sure: float, expected: float) -> str:
    """Why this is not taken for another language, or nothing."""
    if same:
        return "the articles' own language is the likeliest"
    unspaced = len(_UNSPACED.findall(plain)) >= MIN_LETTERS_UNSPACED
    if len(words) < MIN_WORDS and not unspaced:
        return f"fewer than {MIN_WORDS} words say too little"
    if not unspaced and "?" not in plain and not plain.isupper() and _like_a_name(words):
        return "it looks like a name or an address"
    enough = SURE_ENOUGH if expected < SURELY_NOT else SURE
    if sure < enough:
        return f"no language reaches {enough:.0%}"
    return f"the articles' language is not ruled out (below {RULED_OUT:.0%})" if expected > RULED_OUT else ""


def _like_a_name(words: list[str]) -> bool:
    """Whether all words but the small ones are capitalised: “Calle de la Paz”, “Maria van der Berg”."""
    return all(word[0].isupper() for word in words if len(word) > 3)


@cache
def _load() -> langid.LanguageIdentifier:
    """One for the process: 5 MB that nobody changes."""
    model = Path(langid.__file__).parent / langid.MODEL_FILE
    identifier = langid.LanguageIdentifier.from_modelpath(model, norm_probs=True)
    identifier.set_languages(list(NAMES))
    return identifier
