"""What can be read off the words of a turn: patterns that say how it went."""

import math
import re
import unicodedata
from functools import lru_cache

# A longer message says no more about its mood, and patterns are run over all of it.
READ_CHARACTERS = 600
# The texts whose features are kept: a turn looks at the twelve before it again.
KEPT = 4096


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(phrases) + r")\b", re.IGNORECASE)


ANGRY = _any(
    "useless|ridiculous|unacceptable|disgrace(?:ful)?|disgusting|terrible|awful|horrible|pathetic|worst|rubbish|garbage",
    "furious|angry|fed up|sick of|had (?:enough|it with)|end of my (?:patience|tether)",
    "wast(?:e|ing) (?:of )?(?:my )?time",
    r"frustrat\w+|annoy\w+|outrag\w+|incompeten\w+|appalling|unbelievable|hopeless|nonsense|shame on|never again|crap",
    "(?:what a|some|bad|is a|'s a|are a) joke|crooks?|thie(?:f|ves)|scam(?:mers?)?|liars?|lawyer|sue you",
    "unprofessional",
    r"fuck\w*|shit\w*|bullshit|wtf|assholes?|arseholes?|bastards?|bitch\w*|idiots?|morons?|stupid|dumb",
)
LET_DOWN = _any(
    r"disappoint\w*|unfortunate(?:ly)?|sadly|shame|pity|too bad|oh dear|no good|not (?:good|helpful|quite|really)",
    r"(?:did|does|do|is|was|has|have)(?:n'?t| not) (?:really |quite )?(?:help\w*|work\w*|answer|what i|it)",
    "no help|no use|makes? no sense|confus(?:ed|ing)|hoping|hoped|expected|supposed to|promised|guess",
)
CORRECTS = _any(
    r"i (?:just |already |clearly |only )?(?:said|asked|told|meant|mentioned|wrote|gave|specified|requested|stated)",
    r"(?:i|i'?ve|i have) (?:just |already )?(?:said|asked|told|mentioned|given|explained|tried|done|sent)",
    "(?:as|like) i (?:just |already )?(?:said|mentioned|asked|wrote|told)|(?:i'?m|i am|was) (?:not )?asking|i mean",
    "not what i|that'?s not|that isn'?t|that is not|wrong|incorrect|mistaken|you (?:just|already|still|keep|haven'?t)",
    "you (?:don'?t|do not|didn'?t|did not|forgot|misunderst[oa]nd|misunderstood)|mix(?:ed)?[- ]up|my question",
)
# The customer's own mistake is no fault of the assistant's.
OWN_MISTAKE = _any(
    "i (?:was|am) wrong|i'?m wrong|my (?:mistake|bad|fault|error)|silly me|i (?:got|had) it wrong|i misread"
    "|i (?:just )?found it|there it is|sorted(?: it)?(?: now)?|solved(?: it)?|works now"
)
AGAIN = _any(
    "again|already|still|once more|repeat(?:ed|ing)?|same|every time|twice|three times|how many times|keeps?|always",
)
DOUBTS = _any(
    "are you sure|really (?:no|nothing)|^really|seriously|is there (?:really )?(?:nothing|no)|nothing else",
    "what do you mean|excuse me|for real",
    "can you (?:please )?(?:check|look|try) again|double[- ]check|try again|huh|hm+|omg",
)
GIVES_UP = _any(
    "never ?mind|forget it|give up|somewhere else|elsewhere|another (?:shop|bank|company|provider)",
    "i'?ll (?:just )?(?:call|go)",
    "no thanks to you|thanks for nothing|so you can'?t|do it myself",
)
PLEASED = _any(
    r"thanks|thank you|thx|cheers|great|perfect|excellent|wonderful|awesome|lovely|brilliant|amazing|love|fantastic",
    "appreciate[d]?|helpful|sounds? good|that works|works now|nice|super|good (?:job|to know)|you'?ve been",
)
THANKS = _any("thanks|thank you|thx|cheers")
STARTS_NO = re.compile(r"^\s*(?:no+|nope|but)\b[\s,.!?]*\w", re.IGNORECASE)
NO_MORE = re.compile(
    r"^\s*(?:no|nope)\b.{0,12}(?:thank|that'?s (?:all|it|everything)|i'?m (?:good|fine|all set))", re.I
)

SORRY = _any(r"sorry|apolog\w+|afraid|unfortunately|regret")
FOUND_NOTHING = _any(
    r"(?:no|not any|\w+n't any|none|nothing)\b[^.?!]{0,60}"
    r"\b(?:match\w*|found|find|available|results?|fits?|meet\w*|listed|left)",
    r"(?:can'?t|cannot|could ?n'?t|could not|unable to|not able to|did ?n'?t|did not)"
    r" (?:seem to )?(?:find|locate|book|get|see|help|go)",
    "no (?:results?|luck|information|such|trains?|rooms?|tables?|articles?)|not (?:available|possible)",
    "fully booked|unavailable",
    "there (?:are|is|were) (?:currently )?(?:no|not any|none)",
    "(?:do not|don'?t|does not|doesn'?t) (?:have|know|offer|exist|match)",
    "unsuccessful|failed|went wrong|are full|sold out",
)
NOT_UNDERSTOOD = _any(
    "(?:did not|didn'?t|do not|don'?t|could not|couldn'?t) (?:quite )?(?:understand|follow|get that|catch)",
    "rephrase|other words|not sure (?:what|i)|what (?:do )?you mean|clarify|confus(?:ed|ing)|pardon",
    "can only answer|come again",
)
DONE = _any(
    r"booked|reserved|reference|confirmed|confirmation|done|success\w*|all set|cancelled|arranged|sent|changed|fixed",
    "added",
)
ANYTHING_ELSE = _any(
    "anything else|something else|else i can|further (?:help|assistance)|assist you (?:further|with any)"
)
WORD = re.compile(r"[a-z0-9']+")
# fmt: off
SMALL_WORDS = frozenset({
    "a", "an", "and", "any", "are", "as", "at", "be", "by", "can", "could", "did", "do", "does", "for", "from",
    "get", "had", "has", "have", "how", "i", "i'd", "i'll", "i'm", "i've", "if", "in", "is", "it", "it's", "just",
    "like", "me", "my", "need", "no", "not", "of", "ok", "okay", "on", "or", "our", "please", "so", "some",
    "thank", "thanks", "that", "that's", "the", "them", "then", "there", "this", "to", "up", "us", "want", "was",
    "we", "what", "when", "where", "which", "will", "with", "would", "yes", "you", "your",
})
# fmt: on


def clean(text: str) -> str:
    """The part that is read, in one form of letters and of apostrophes."""
    return unicodedata.normalize("NFKC", text[:READ_CHARACTERS]).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


@lru_cache(maxsize=KEPT)
def content(text: str) -> frozenset[str]:
    """The words that carry a message's subject, lower case, cut to six letters so that forms of a word are one."""
    return frozenset(word[:6] for word in WORD.findall(clean(text).lower()) if word not in SMALL_WORDS)


def capitals(text: str) -> float:
    """The share of words of three letters or more that are all capitals, where there are three such words."""
    words = re.findall(r"[^\W\d_]{3,}", text)
    loud = sum(word.isupper() for word in words)
    return loud / len(words) if loud and len(words) >= 3 else 0.0


def only_asks(text: str) -> bool:
    """Whether a text is made of questions alone."""
    ends = re.findall(r"[.!?]+(?=\s|$)", clean(text).strip())
    return bool(ends) and all("?" in end for end in ends)


@lru_cache(maxsize=KEPT)
def of_customer(text: str) -> dict[str, float]:
    """Features of a customer's words, each from 0 to about 1; shared by all who ask, so not to be changed."""
    text = clean(text)
    theirs = not OWN_MISTAKE.search(text)
    no_more = bool(NO_MORE.search(text)) or not theirs
    return {
        "angry": min(len(ANGRY.findall(text)), 2) / 2,
        "let_down": float(bool(LET_DOWN.search(text))),
        "corrects": min(len(CORRECTS.findall(text)), 2) / 2 * theirs,
        "again": float(bool(AGAIN.search(text))),
        "doubts": float(bool(DOUBTS.search(text))),
        "gives_up": float(bool(GIVES_UP.search(text)) and theirs),
        "pleased": float(bool(PLEASED.search(text))),
        "starts_no": float(bool(STARTS_NO.search(text)) and not no_more),
        "capitals": capitals(text),
        "exclaims": min(text.count("!"), 3) / 3 * (not PLEASED.search(text)),
        "asks": float("?" in text),
        "length": math.log1p(len(text.split())) / 4,
    }


@lru_cache(maxsize=KEPT)
def of_assistant(text: str) -> dict[str, float]:
    """Features of what the assistant said just before, each from 0 to about 1; shared, so not to be changed."""
    text = clean(text)
    return {
        "sorry": float(bool(SORRY.search(text))),
        "found_nothing": float(bool(FOUND_NOTHING.search(text))),
        "not_understood": float(bool(NOT_UNDERSTOOD.search(text))),
        "done": float(bool(DONE.search(text))),
        "anything_else": float(bool(ANYTHING_ELSE.search(text))),
        "assistant_asks": float("?" in text),
        "gives_figures": float(bool(re.search(r"\d", text))),
        "assistant_length": math.log1p(len(text.split())) / 4,
    }


def of_article(text: str) -> dict[str, float]:
    """The same of an article's words: its length and its figures, and nothing that the assistant says of itself."""
    said = of_assistant(text)
    return {name: value if name in ("gives_figures", "assistant_length") else 0.0 for name, value in said.items()}


_PEOPLE = (
    r"(?:human(?: being)?s?|persons?|people|someone|somebody|anyone|anybody"
    r"|agents?(?! (?:programs?|software|apps?|versions?)\b)|representatives?|reps?|operators?"
    r"|advis[eo]rs?|managers?|supervisors?|staff|colleagues?|employees?|workers?|clerks?|tellers?|specialists?|experts?"
    r"|professionals?|consultants?|officers?|technicians?|team|department|desk|reception|boss|soul"
    r"|customer (?:service|support|care)|support)"
)
_TALK = (
    r"(?:speak|talk|chat|discuss|word|conversation|connect(?:ed)?|transfer(?:red)?|put|pass|hand|forward|direct|redirect"
    r"|switch|escalate|reach|fetch|bring|get|give|find|call(?:ed)?|ring|phone|join|touch)"
)
PEOPLE = re.compile(rf"\b{_PEOPLE}\b", re.IGNORECASE)
TALK_TO_PEOPLE = re.compile(rf"\b{_TALK}\b[^.?!]{{0,40}}\b{_PEOPLE}\b", re.IGNORECASE)
PEOPLE_TO_TALK = re.compile(rf"\b{_PEOPLE}\b[^.?!]{{0,30}}\b{_TALK}\b", re.IGNORECASE)
REAL_PERSON = re.compile(
    r"\b(?:real|live|living|actual|human|proper)\s+(?:human|person|people|being|agent|employee|worker|adviser|support|help|assist\w+|soul|one)"
    r"|\b(?:somebody|someone|anybody|anyone|one)\s+(?:real|human|alive)\b",
    re.IGNORECASE,
)
ONLY_PERSON = re.compile(
    rf"^\W*(?:an? |the |your |some )?(?:(?:real|live|actual|bank)\s+)?{_PEOPLE}\W*(?:please|pls|now)?\W*$", re.I
)
MACHINE = _any("bots?|chat ?bots?|robots?|machines?|computers?|programs?|automat(?:ed|ic)|ai|virtual")
NOT_MACHINE = re.compile(
    r"(?:n't|\b(?:not|no|no more|hate|stop|instead of|rather than|enough of|than|refuse|uncomfortable|trust))\b"
    r"[^.?!]{0,40}\b(?:bots?|chat ?bots?|robots?|machines?|computers?|programs?|automat(?:ed|ic)|ai)\b",
    re.IGNORECASE,
)
WISHES = _any(
    "i want|i need|i'?d (?:like|rather|prefer|sooner|feel)|i would (?:like|rather|prefer)|wanna|let me|can i|could i"
    "|may i"
    "|can you|could you|please|pls|get me|give me|put me|i prefer|i must|i demand|possible to|is there|instead"
)
TOLD = _any("spoke|talked|told|said|called|rang|was|yesterday|last week|has been|stole|used")
PUT_THROUGH = _any(
    "put (?:me )?(?:through|on)|(?:connect|transfer|escalate|redirect|forward|hand) (?:me|this|us)(?: over| to)?"
    "|call ?back|in touch"
)

# People who are paid, met or written about are not asked for.
BUSINESS = _any(
    "pay|paid|payment|pays|owe|money|cash|euros?|sen[dt]|transfer (?:to|money|\\d+)|add|remove|appointment",
    "meeting|meet|schedule|book|tickets?|table|account holder|the person|another person",
    "(?:new|other|same|which) (?:person|one)|in person",
)
ASKS_WHETHER = re.compile(r"\b(?:are you|is this|is it|am i (?:talking|speaking|chatting|writing))\b", re.IGNORECASE)


def of_person(text: str) -> dict[str, float]:
    """Features of a wish for a person, each 0 or 1."""
    text = clean(text)
    patterns = {
        "people": PEOPLE,
        "talk_to_people": TALK_TO_PEOPLE,
        "people_to_talk": PEOPLE_TO_TALK,
        "real_person": REAL_PERSON,
        "only_person": ONLY_PERSON,
        "machine": MACHINE,
        "not_machine": NOT_MACHINE,
        "wishes": WISHES,
        "told": TOLD,
        "put_through": PUT_THROUGH,
        "business": BUSINESS,
    }
    found = {name: float(bool(pattern.search(text))) for name, pattern in patterns.items()}
    found["asks_what_it_is"] = float(bool(ASKS_WHETHER.search(text))) * (1 - found["wishes"])
    found["business_with_people"] = found["business"] * found["people"]
    found["wishes_person"] = found["wishes"] * found["talk_to_people"] * (1 - found["told"])
    return found
