"""What noticing is measured beside: lists of words as support tools ship them, and the VADER lexicon."""

import re
from collections.abc import Callable

FRUSTRATION_KEYWORDS = (
    "angry|annoyed|annoying|awful|bad|complain|complaint|disappointed|disappointing|disgusting|fed|"
    "frustrated|frustrating|furious|hate|hopeless|horrible|idiot|joke|mad|never|nonsense|pathetic|poor|"
    "ridiculous|rubbish|shit|stupid|sucks|terrible|unacceptable|unhappy|upset|useless|waste|worst|wrong|"
    "wtf|fuck|damn|crap"
)
FRUSTRATION_PHRASES = (
    "not happy",
    "not helpful",
    "not working",
    "doesn't work",
    "does not work",
    "fed up",
    "i already",
    "i said",
    "i told you",
    "not what i",
    "how many times",
    "makes no sense",
    "you don't understand",
)
PERSON_KEYWORDS = (
    "human|agent|representative|operator|person|manager|supervisor|advisor|adviser|someone|somebody|staff|employee"
)
PERSON_PHRASES = ("customer service", "talk to", "speak to", "speak with", "put me through", "real person")


def _counter(words: str, phrases: tuple[str, ...]) -> Callable[[str], float]:
    pattern = re.compile(rf"\b(?:{'|'.join(phrases)}|{words})\b", re.IGNORECASE)
    return lambda text: float(len(pattern.findall(text)))


keyword_frustration = _counter(FRUSTRATION_KEYWORDS, FRUSTRATION_PHRASES)
keyword_person = _counter(PERSON_KEYWORDS, PERSON_PHRASES)


def vader() -> Callable[[str], float] | None:
    """Return a scorer, the more negative the feeling the higher; None where `vaderSentiment` is not installed."""
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError:
        return None
    analyser = SentimentIntensityAnalyzer()
    return lambda text: -float(analyser.polarity_scores(text)["compound"])
