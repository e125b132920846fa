"""What a customer's message, and the conversation before it, say about how things are going."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from difflib import SequenceMatcher
from typing import Any

# Messages this near to each other, as a cosine, ask for the same: so are 34 % of the questions that data/evaluation has
# asked again in other words, 2 % of its follow-ups, and none of its changes of topic.
SAME_QUESTION = 0.6
# Beyond this many customer messages back, a repetition is a topic come round again.
REPEAT_WINDOW = 4
REPEAT_SIMILARITY = 0.8
SHORT_WORDS = 3

_PERSON = re.compile(
    r"\b(?:(?:speak|talk|chat|connect|transfer|put me through|pass me|hand me|get me)\b[^.?!]{0,40}\b"
    r"(?:human|person|agent(?! (?:programs?|software|apps?|versions?)\b)|someone|somebody|representative|rep"
    r"|operator|advisor|adviser|manager|supervisor|staff|colleague)"
    r"|(?:real|live|actual)\s+(?:human|person|agent|people|being)"
    r"|(?:would|could|can|will|have|get) (?:they|them|you|ye|someone|somebody|anyone|whoever|one of)\b[^.?!]{0,40}"
    r"\b(?:ring|phone|call) (?:me|us)(?: back)?\b|\bgive (?:me|us) a (?:bell|ring|call)\b"
    r"|human\s+(?:being|please|agent|support|help)|^\s*(?:human|agent|operator|representative)\s*[.!?]*\s*$)",
    re.IGNORECASE,
)
_FRUSTRATION = re.compile(
    r"\b(?:useless|ridiculous|unacceptable|disgrace(?:ful)?|disgusting|terrible|awful|horrible|pathetic"
    r"|(?:what a|some|bad|is a|'s a|are a|big|total|absolute) joke"
    r"|worst|rubbish|garbage|crap|furious|angry|fed up|sick of|had enough|waste of (?:my )?time|wasting my time"
    r"|frustrat\w+|annoy\w+|outrag\w+|incompetent|appalling|never again|going in circles|in circles"
    r"|for the (?:third|fourth|fifth|last|\d+\w*) time|how many times|still (?:nothing|waiting|no (?:reply|answer))"
    r"|you (?:don'?t|do not) (?:understand|listen|get it)|are you (?:even )?(?:stupid|dumb|deaf)"
    r"|(?:what|who|why|where|how) the (?:hell|heck)|(?:bloody|flaming) (?:hell|joke)|for (?:god|heaven|christ)'?s sake"
    r"|livid|seething|fuming|(?:really|very|so|getting|quite) cross)\b",
    re.IGNORECASE,
)
_ABUSE = re.compile(
    r"\b(?:fuck\w*|shit\w*|bullshit|wtf|asshole|arsehole|bastard\w*|bitch\w*|idiots?|morons?|stupid|dumb)\b",
    re.IGNORECASE,
)
_NOT_HELPED = re.compile(
    r"\b(?:(?:did(?:n'?t| not)|does(?:n'?t| not)|is(?:n'?t| not)|not|no)\s+(?:really\s+)?"
    r"(?:help|helping|helpful|help me|answer|what i (?:asked|meant))"
    r"|that'?s not (?:it|what i)|wrong answer|no help)\b",
    re.IGNORECASE,
)
# Who says in so many words how they feel, whatever else the message is about; "I'm not annoyed" is none.
_VERY = r"(?:(?:really|very|so|quite|pretty|extremely|beyond|getting|rather|just|simply|completely|absolutely)\s+)*"
_SAYS_UPSET = re.compile(
    r"\b(?:i\s*['\u2019]?\s*a?m|i feel|i got|we\s*['\u2019]?\s*a?re|(?:makes|made|making) me)\s+"
    rf"{_VERY}(?:annoyed|angry|mad(?! about)|furious|upset|frustrated|livid|fuming|raging|cross|fed up|sick of"
    r"|pissed(?: off)?|disgusted|appalled|outraged|disappointed)\b"
    rf"|\b(?:this|that|it|which)(?:\s*['\u2019]?\s*i?s| was)\s+{_VERY}"
    r"(?:unacceptable|not acceptable|ridiculous|outrageous|disgrace(?:ful)?|appalling|disgusting|pathetic|infuriating"
    r"|an? (?:complete |total )?(?:disgrace|joke|nightmare))\b"
    r"|\b(?:what|who|why|where|how|when) the (?:\w+ )?(?:hell|heck|fuck\w*|f\*+\w*)\b"
    r"|\b(?:for (?:god|heaven|christ|pete)['\u2019]?s sake|(?:are you|you must be) (?:kidding|joking)|wtf)\b"
    # Angry faces, the anger sign, the middle finger.
    "|[\U0001f620\U0001f621\U0001f624\U0001f92c\U0001f4a2\U0001f595]",
    re.IGNORECASE,
)
# "This is the third time I ask", whether or not it was here that they asked before.
_ASKED_BEFORE = re.compile(
    r"\b(?:second|third|fourth|fifth|umpteenth|hundredth|\d+(?:nd|rd|th)) time\b[^.?!]{0,20}"
    r"\b(?:ask\w*|writ\w+|wrote|contact\w*|explain\w*|tell\w*|told|say\w*|said|message\w*|call\w*)\b"
    r"|\bfor the (?:third|fourth|fifth|last|umpteenth|hundredth|\d+\w*) time\b"
    r"|\bhow (?:many times|often)\b[^.?!]{0,25}\b(?:ask|tell|say|repeat|write|explain)\b",
    re.IGNORECASE,
)
# Somebody came to harm, or says that the law or the public will hear of it: what no article is an answer to.
_OWN = r"(?:my|our|his|her|their)"
_BODY = (
    r"(?:hands?|fingers?|thumbs?|arms?|legs?|foot|feet|face|eyes?|mouth|tongue|lips?|wrists?|skin|throat|son|daughter|child"
    r"|kids?|baby|husband|wife|mother|father|mum|mam|dad|guests?|customers?)"
)
_HARM = re.compile(
    r"\b(?:(?:cut|burn(?:ed|t)|scald(?:ed)?|hurt|injured|shocked|poisoned)"
    rf"(?: me| us| myself| {_OWN} (?:\w+ )?{_BODY})\b"
    rf"|{_OWN} (?:\w+'s )?{_BODY}\b[^.?!]{{0,30}}\b(?:was|were|got|is|are|has been) (?:badly |slightly )?"
    r"(?:cut|burn(?:ed|t)|scalded|hurt|injured|bleeding)\b"
    r"|(?:was|were|been|got) (?:badly |slightly )?(?:scalded|injured|electrocuted|hospitali[sz]ed)\b"
    r"|(?:has|have|had|got) (?:a |an )?(?:\w+ )?(?:burns?|cuts?|blisters?|scalds?)"
    rf" (?:on|all over|to) (?:{_OWN}|me|us)\b"
    r"|(?:got|had|gave (?:me|us)|gives (?:me|us)|getting) (?:an? )?(?:electric )?shocks?\b|electric shock"
    r"|(?:go|went|been|bring|brought|take|took)\b[^.?!]{0,25}\b(?:doctor|hospital|clinic|a&e|emergency)\b"
    r"|caught fire|went up in flames|in hospital|emergency room|allergic reaction)",
    re.IGNORECASE,
)
# Somebody has died, and no thing: "my grinder died".
_RELATIVE = r"(?:husband|wife|partner|mother|father|mum|mom|mam|dad|son|daughter|brother|sister)"
_GRIEF = re.compile(
    rf"\b(?:{_RELATIVE}|fianc\w+|parents?|child|baby|grand\w+|nan|nana|uncle|aunt|friend|colleague|she|he)\b[^.?!]{{0,25}}"
    r"\b(?:died|passed(?: away)?|is dead)\b"
    rf"|\bpassed away\b|\bdeceased\b|\bbereave\w+|\bmy late {_RELATIVE}\b"
    r"|\bdeath of (?:my|our)\b|\b(?:his|her|my \w+'s) funeral\b",
    re.IGNORECASE,
)
_THREAT = re.compile(
    r"\b(?:(?:my|our) (?:lawyer|solicitor|attorney)"
    r"|(?:contact|call|hire|get|involve|see|consult|instruct|hear from)(?:ing|ting)? (?:a|my|our) (?:lawyer|solicitor)"
    r"|legal (?:action|steps)|(?:i'?ll|will|going to|gonna) sue (?:you|ye|your|the shop)"
    r"|take (?:you|this) to (?:court|the small claims)|small claims|ombudsman|trading standards|ccpc|citizens advice"
    r"|consumer (?:protection|rights|agency|affairs|association)|data protection (?:commission\w*|authority)"
    r"|formal complaint|chargeback|report (?:you|this|it) to|go(?:ing)? to the (?:press|papers|police))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Signals:
    """One customer turn. Counts include this turn.

    `frustration` and `wants_person` are probabilities, 0 to 1 (mood.py), `mood_reasons` why, in plain words;
    `frustration_before` is that of the customer's turn before, by itself, `frustration_alone` that of this one without
    what was said before, `on_subject` how near it is to what they wrote before, as a cosine;
    `repeated` is how often the same was asked before; `unresolved_min` minutes since this began, long pauses left out;
    `trouble` is what the customer's page last reported, and `troubles` how often; `complained` that there was a
    complaint of theirs lately, `valued` that their plan is one that comes first.
    """

    one_word: bool = False
    asks_for_person: bool = False
    frustration_words: int = 0
    abuse_words: int = 0
    shouting: bool = False
    says_upset: bool = False
    asked_before: bool = False
    says_not_helped: bool = False
    repeated: int = 0
    frustrated_turns: int = 0
    times_not_helped: int = 0
    harm: bool = False
    grief: bool = False
    threat: bool = False
    frustration: float = 0.0
    frustration_before: float = 0.0
    frustration_alone: float = 0.0
    on_subject: float = 1.0
    mood_reasons: tuple[str, ...] = ()
    wants_person: float = 0.0
    unresolved_min: float = 0.0
    trouble: str | None = None
    troubles: int = 0
    complained: bool = False
    valued: bool = False

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Signals":
        known = {field.name for field in fields(cls)}
        given = {name: value for name, value in values.items() if name in known}
        # JSON has no tuples.
        return cls(**given | {"mood_reasons": tuple(given.get("mood_reasons") or ())})

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(text: str, earlier: Sequence[str] = ()) -> Signals:
    """Signals of `text`, given what the same customer wrote before it since the bot began, oldest first."""
    recent = list(earlier)[-REPEAT_WINDOW:]
    return Signals(
        one_word=len(text.split()) == 1,
        asks_for_person=bool(_PERSON.search(text)),
        frustration_words=len(_FRUSTRATION.findall(text)),
        abuse_words=len(_ABUSE.findall(text)),
        shouting=_shouts(text),
        says_upset=bool(_SAYS_UPSET.search(text)),
        asked_before=bool(_ASKED_BEFORE.search(text)),
        says_not_helped=bool(_NOT_HELPED.search(text)),
        repeated=sum(_same_question(text, other) for other in recent),
        frustrated_turns=sum(_upset(said) for said in [*recent, text]),
        times_not_helped=sum(bool(_NOT_HELPED.search(said)) for said in [*recent, text]),
        harm=bool(_HARM.search(text)),
        grief=bool(_GRIEF.search(text)),
        threat=bool(_THREAT.search(text)),
    )


def _upset(text: str) -> bool:
    return bool(_FRUSTRATION.search(text) or _ABUSE.search(text))


def _shouts(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    capitals = sum(character.isupper() for character in letters)
    return (len(letters) >= 12 and capitals / len(letters) > 0.7) or "!!!" in text


def _same_question(text: str, other: str) -> bool:
    first, second = _normal(text), _normal(other)
    if len(first.split()) < SHORT_WORDS or len(second.split()) < SHORT_WORDS:
        return False
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    # The first two are upper bounds and cheap; nearly all pairs end there.
    bounds = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
    return all(bound() >= REPEAT_SIMILARITY for bound in bounds)


def _normal(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text[:400]).casefold()
    return " ".join(re.findall(r"\w+", folded))
