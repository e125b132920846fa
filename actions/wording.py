"""What wording tells before anything is searched: whether a message leans on the one before, and is one or two.

Pure functions of English text. What they miss costs a clarifying question, so they are short lists of plain words.
"""

import re

# What carries no meaning by itself at the start of a follow-up.
_OPENING = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|so|well|hm+|yes|no|thanks|great|cool|and|or|but|also|what about|how about|what if|then|now)"
    r"\b\W*)+",
    re.IGNORECASE,
)
_CARRIES_ON = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|so|well|hm+|yes|no|thanks|great|cool)\W+)*"
    r"(?:and|or|but|also|what about|how about|what if|same|even|then|now)\b",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    # "Is there" points at nothing.
    r"\b(?:it|its|that|this|they|them|these|those|(?<!is )(?<!are )there(?!'s| is| are)|one|ones|same|instead|her|his|"
    r"she|he|then|again|more|faster|quicker|cheaper)\b",
    re.IGNORECASE,
)
BRIEF_WORDS = 3
POINTING_WORDS = 12  # "it" in a longer message mostly means something in the message itself
MOST_LEANING = 3

_POLITE = r"(?:(?:and|also|plus|then|please|hi|hello|hey|ok(?:ay)?|so|but)\b\W*)*"
_ASKS = (
    r"(?:how|what|what's|when|when's|where|where's|who|who's|which|why|can|could|may|must|do|does|did|is|are|will|would|"
    r"should|am|has|if not|tell me|send me|show me|give me)\b"
)
_WANTS = r"(?:i need|i want|i'd like|i would like|i can't|i cannot|i forgot|i lost|my)\b"
_ASKING = re.compile(rf"^\W*{_POLITE}{_ASKS}", re.IGNORECASE)
_WANTING = re.compile(rf"^\W*{_POLITE}{_WANTS}", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[?!.;])\s+")
# "and" parts two questions only where a question begins behind it.
_JOINT = re.compile(rf"[,;]?\s+(?:and|plus|or|but)\s+(?:also\s+)?(?={_ASKS}|{_WANTS})|,\s+(?={_ASKS})", re.IGNORECASE)
_JOINT_NOUN = re.compile(r"[,;]?\s+(?:and\s+also\s+about|plus|and\s+also)\s+", re.IGNORECASE)
FEWEST_WORDS = 2  # of each of two questions


def leaning(text: str, brief_counts: bool = True) -> int:
    """Return from 0 (stands by itself) to `MOST_LEANING` how much a message seems to lean on what was said before."""
    words = len(text.split())
    points_back = words <= POINTING_WORDS and bool(_POINTS_BACK.search(text))
    return carries_on(text) + points_back + (brief_counts and words <= BRIEF_WORDS)


def carries_on(text: str) -> bool:
    """Whether a message begins as one more detail of what was asked: "and to Canada?"."""
    return bool(_CARRIES_ON.search(text))


def bare(text: str) -> str:
    """Return a message without the "and what about" in front, or as it is where nothing else is left."""
    return _OPENING.sub("", text).strip() or text


def two_questions(text: str) -> tuple[str, str] | None:
    """Return the two questions that a message may hold, or None where it plainly holds one.

    Only a guess from the wording: whether they are two shows in what they find.
    """
    sentences = [part for part in _SENTENCES.split(text) if part.strip()]
    for at in range(1, len(sentences)):
        first, second = " ".join(sentences[:at]), " ".join(sentences[at:])
        if _asks(sentences[at - 1]) and _asks(sentences[at]):
            return first, second
    for joint in (_JOINT, _JOINT_NOUN):
        for match in joint.finditer(text):
            first, second = text[: match.start()].strip(" ,;"), text[match.end() :].strip()
            if _asks(first) and min(len(first.split()), len(second.split())) >= FEWEST_WORDS:
                return first, second
    return None


def _asks(text: str) -> bool:
    enough = len(text.split()) >= FEWEST_WORDS
    return enough and bool(text.rstrip().endswith("?") or _ASKING.match(text) or _WANTING.match(text))


def same_words(one: str, other: str) -> bool:
    """Whether two texts differ in case, spaces and marks at most."""
    return re.findall(r"\w+", one.casefold()) == re.findall(r"\w+", other.casefold())
