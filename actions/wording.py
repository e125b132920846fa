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
# What sounds like one more detail where it ends a piece of a sentence, and what rejects the answer before it.
_ADDS_ON = re.compile(r"\b(?:too|as well|also)\W*$", re.IGNORECASE)
_OBJECTION = re.compile(r"^\W*(?:(?:no|nope|but|i mean|actually|again)\b\W*)+", re.IGNORECASE)
# What has been done already, and "what now?": where it brings up the same article again, that one was of no use.
_REPORTS = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|well|and|so)\b\W*)*(?:what (?:now|next|then)|now(?: what)?)\W*$"
    r"|^\W*(?:(?:yes|no|but|ok(?:ay)?|well|and)\b\W*)*(?:i|we)(?:\s*['\u2019]?\s*ve| have)?\s+"
    r"(?:(?:already|just|even|also)\s+)*"
    r"(?:did|done|read|put|took|went|made|set|ran|let|spoke|wrote|(?!need\b)\w{2,}ed)\b[^?]*$",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(r"^\W*(?:in|to|for|from|on|at|with|without|by|of|outside|inside|within)\b", re.IGNORECASE)
MAX_READ = 400  # characters
_POINTS_BACK = re.compile(
    # "Is there" points at nothing.
    r"\b(?:it|its|that|this|they|them|these|those|(?<!is )(?<!are )there(?!'s| is| are)|one|ones|same|instead|her|his|"
    r"she|he|then|again|more|faster|quicker|cheaper)\b",
    re.IGNORECASE,
)
# "How?" asks about what was said, whatever the classifier takes it for.
_ONLY_ASKS = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|and|but|so)\W+)*(?:how|why|when|where|which(?: one)?|who|how (?:much|many|long|so|come))\W*$",
    re.IGNORECASE,
)
BRIEF_WORDS = 3
FRAGMENT_WORDS = 6
POINTING_WORDS = 12  # "it" in a longer message mostly means something in the message itself
MOST_LEANING = 3

# What wants to make the assistant something else than it is, after the classes of OWASP's LLM01 (prompt injection):
# setting its rules aside, giving it a role, dictating its words, asking for its set-up, claiming rights, sending code.
_CLAUSE = r"(?:^|[.!?:;,>]\s*|\b(?:and|then|now|please|so|you (?:must|have to|should|can|will|may))\s+)\W{0,3}"
_ITS_RULES = r"(?:instructions?|prompts?|rules?|guidelines?|restrictions?|programming|training)\b"
_ORDERS = re.compile(
    "|".join(
        (
            rf"{_CLAUSE}(?:ignore|disregard|forget|override|bypass|drop)\s+(?:(?:all|any|every|everything|your|the|these|"
            rf"those|previous|prior|above|earlier|what)\s+)*(?:{_ITS_RULES}|you\b|everything\b|that you\b)",
            rf"\b(?:previous|prior|hidden|secret|initial|system|internal|original)\s+{_ITS_RULES}",
            rf"\bwhat (?:are|is|were) your (?:exact |full )?{_ITS_RULES}\W*(?:$|[.!?])",
            r"\byou are (?:now|no longer|not) (?:an?|the|my|in|bound|free)\b",
            r"\byou(?: a|')re (?:now )?(?:an?|the|my|that)\b[^.!?]*\b(?:bot|assistant|character|ai|model|robot)\b",
            rf"{_CLAUSE}(?:pretend|imagine|role-?play|(?:act|behave|talk|speak) (?:as|like))\b",
            r"\b(?:let's|let us) (?:role-?play|pretend|imagine)\b",
            rf"{_CLAUSE}from now on,? (?:you|only|always|never|answer|reply|respond|say|talk|speak)\b|\bnew rules?\s*:",
            rf"{_CLAUSE}(?:only )?(?:answer|reply|respond)\b[^.?!]*\b(?:only|exactly|nothing|words?|with)\b",
            rf"{_CLAUSE}(?:say|repeat|swear|admit|recite|sing)\s+(?!(?:goodbye|hello|i|my|the|it|we|you)\b)\w",
            rf"{_CLAUSE}(?:write|tell|make)\s+(?:me |us )?(?:an? |my |some )?(?:\w+ )?"
            r"(?:poems?|stor(?:y|ies)|essays?|jokes?|songs?|python|scripts?)\b",
            rf"{_CLAUSE}(?:complete|finish|translate) (?:this|the|my|your) (?:\w+ )?(?:sentence|text|prompt|phrase)\b",
            r"\b(?:developer|debug|admin|god|dan|jailbreak|unrestricted) mode\b|\bjailbreak\b",
            r"\b(?:as|I(?:'| a)?m) (?:the|your) (?:developer|admin(?:istrator)?|creator|programmer)\b",
            r"</?[a-z][\w-]*[^<>]*>|\{\{.*\}\}|```|^\s*#{2,}|^\s*(?:system|assistant|developer)\s*:|\w\(['\"].*\)",
            r"\bselect\b.+\bfrom\b.+;|\bdrop table\b",
        )
    ),
    re.IGNORECASE | re.DOTALL,
)

# "my machine drips when it is off": what "it" is stands in the message itself.
_POINTS_WITHIN = re.compile(
    r"\b(?:my|our|an?)\s+\w+\b.*?(?:,|\b(?:when|if|while|after|before|because|since|but|once|and))\s+(?:it|they)\b",
    re.IGNORECASE,
)

_POLITE = r"(?:(?:and|also|plus|then|please|hi|hello|hey|ok(?:ay)?|so|but)\b\W*)*"
_ASKS = (
    r"(?:how|what|what's|when|when's|where|where's|who|who's|which|why|can|could|may|must|do|does|did|is|are|will|would|"
    r"should|am|has|if not|tell me|send me|show me|give me)\b"
)
_WANTS = r"(?:i (?:also |still |then )*(?:need|want)|i'd like|i would like|i can't|i cannot|i forgot|i lost|my)\b"
_ASKING = re.compile(rf"^\W*{_POLITE}{_ASKS}", re.IGNORECASE)
_WANTING = re.compile(rf"^\W*{_POLITE}{_WANTS}", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[?!.;])\s+")
# "and" parts two questions only where a question begins behind it.
_JOINT = re.compile(rf"[,;]?\s+(?:and|plus|or|but)\s+(?:also\s+)?(?={_ASKS}|{_WANTS})|,\s+(?={_ASKS})", re.IGNORECASE)
_JOINT_NOUN = re.compile(r"[,;]?\s+(?:and\s+also\s+about|plus|and\s+also)\s+", re.IGNORECASE)
# Words that ask nothing by themselves: "what do I do?", "how does it work", "is that right?".
_HOLLOW = re.compile(
    r"(?:a|am|an|and|any|are|at|be|but|by|can|could|did|do|does|doing|each|for|go|going|happen(?:s|ed)?|has|have|he|"
    r"her|here|his|how|i|if|in|is|it|its|just|many|me|mean|means|much|my|next|no|not|now|of|ok|okay|on|one|or|our|"
    r"please|possible|really|right|she|should|so|supposed|s|than|that|the|them|then|there|these|they|this|those|to|too|"
    r"us|was|we|well|were|what|when|where|which|who|why|will|with|works?|would|you|your)"
)
FEWEST_WORDS = 2  # of each of two questions
MOST_OFFERED = 70  # characters


def leaning(text: str, brief_counts: bool = True) -> int:
    """Return from 0 (stands by itself) to `MOST_LEANING` how much a message seems to lean on what was said before."""
    brief = len(text.split()) <= BRIEF_WORDS and (brief_counts or bool(_ONLY_ASKS.search(text)))
    return carries_on(text) + points_back(text) + brief


def points_back(text: str) -> bool:
    """Whether a short message names by "it" or "that" what was spoken of before it."""
    return len(text.split()) <= POINTING_WORDS and bool(_POINTS_BACK.search(_POINTS_WITHIN.sub("", text)))


def carries_on(text: str) -> bool:
    """Whether a message begins as one more detail of what was asked: "and to Canada?"."""
    return bool(_CARRIES_ON.search(text) or (_ADDS_ON.search(text) and is_fragment(text)))


def is_fragment(text: str) -> bool:
    """Whether a message is no sentence but a piece of one: "gift cards?", "in the green tea"."""
    return len(text.split()) <= BRIEF_WORDS or is_modifier(text)


def is_modifier(text: str) -> bool:
    """Whether a message only says for what, where or how: "to Canada", "with an AeroPress"."""
    return len(text.split()) <= FRAGMENT_WORDS and bool(_PREPOSITION.search(text))


def reports(text: str) -> bool:
    """Whether a message says what its writer has done ("I cleaned it yesterday"), or asks what comes after that."""
    return bool(_REPORTS.search(text[:MAX_READ]))


def without_objection(text: str) -> str:
    """Return a message without the "no, I mean" in front, or as it is where nothing else is left."""
    return _OBJECTION.sub("", text).strip() or text


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
        if _asks_or_wants(sentences[at - 1]) and _asks_or_wants(sentences[at]) and not is_hollow(second):
            return first, second
    for joint in (_JOINT, _JOINT_NOUN):
        for match in joint.finditer(text):
            first, second = text[: match.start()].strip(" ,;"), text[match.end() :].strip()
            enough = min(len(first.split()), len(second.split())) >= FEWEST_WORDS
            if enough and _asks_or_wants(first) and not is_hollow(second):
                return first, second
    return None


def asks(text: str) -> bool:
    """Whether a text is worded as a question, and not as a wish."""
    return text.rstrip().endswith("?") or bool(_ASKING.match(text))


def is_worth_offering(text: str) -> bool:
    """Whether a wording reads well on a button: a whole question, and neither a story nor a note."""
    return text.endswith("?") and text[:1].isupper() and len(text) <= MOST_OFFERED and bool(_ASKING.match(text))


def _asks_or_wants(text: str) -> bool:
    enough = len(text.split()) >= FEWEST_WORDS
    return enough and (asks(text) or bool(_WANTING.match(text)))


def is_hollow(text: str) -> bool:
    """Whether nothing in a message says what it is about: "is that possible?"."""
    return all(_HOLLOW.fullmatch(word) for word in re.findall(r"[^\W_]+", text.casefold()))


def gives_orders(text: str) -> bool:
    """Whether a message wants to direct the assistant itself: its rules, its role, the words it is to say.

    Told by the wording, so it is neither complete nor ever sure: it may keep an article from being the answer, and
    nothing else may hang on it.
    """
    return bool(_ORDERS.search(text[:MAX_READ]))


def same_words(one: str, other: str) -> bool:
    """Whether two texts differ in case, spaces and marks at most."""
    return re.findall(r"\w+", one.casefold()) == re.findall(r"\w+", other.casefold())
