"""What a customer means who gives no order number or e-mail address when asked for one, and what to say then."""

import re

from actions.order_book import ORDER_DIGITS

EMAIL = "email"
# As much of a wrong number as is worth repeating.
QUOTED = 12

# What is not had: nothing that is named, or what an order is found by. "I don't have a printer" is another matter.
_WHAT = (
    r"(?=\W*$|\s*[.,;!?]|\s+(?:(?:it|that|this|one|any|them|what|where|how|which|with|here|at|on|yet|right|sorry|either)\b"
    r"|(?:(?:the|my|an?|any|that|your)\s+)?(?:\w+\s+)?(?:order|number|e-?mails?|address|mail|confirmation|receipt|account)\b))"
)
_LACKS = re.compile(
    r"\b(?:(?:do|did|ca|could|have)(?:n['\u2019]?t| ?not)\s+(?:\w+\s+){0,2}?(?:have|know|find|remember|get|got|see)"
    rf"{_WHAT}|have(?:n['\u2019]?t| not| no){_WHAT}|got no{_WHAT}"
    r"|no (?:idea|clue|(?:order )?number|e-?mail|confirmation)"
    r"|(?:that|this|it)(?:['\u2019]?s| is) all (?:i|we)(?:['\u2019]ve)? (?:have|got|know)"
    r"|not sure|unsure|lost|forgot(?:ten)?|deleted|never (?:got|received|had))\b",
    re.IGNORECASE,
)
_LIKE_AN_ADDRESS = re.compile(r"@|\w\.\w|\bat\b.+\bdot\b", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")


def lacks(text: str) -> bool:
    """Whether somebody says that they don't have, know or find what they were asked for."""
    return bool(_LACKS.search(text))


def nearly(asked: str | None, text: str) -> bool:
    """Whether a text holds something that was meant as the detail asked for."""
    return bool(_LIKE_AN_ADDRESS.search(text) if asked == EMAIL else _DIGITS.search(text))


def needed(asked: str | None) -> str:
    """What an order is found by."""
    if asked == EMAIL:
        return "To find your order I still need the e-mail address."
    return "To look that up I need two details: the order number, then the e-mail address."


def without(asked: str | None) -> str:
    """What can be done without the order number, or without the e-mail address."""
    if asked == EMAIL:
        return (
            "Without the e-mail address I may not show an order to anybody. A person can make sure in another way that "
            "it is yours: shall I fetch one?"
        )
    return (
        "The number stands in your confirmation e-mail, and under Orders in your account. Without it a person can find "
        "the order by your name and address: shall I fetch one?"
    )


def amiss(asked: str | None, text: str) -> str:
    """What is wrong with what was given."""
    if asked == EMAIL:
        if _LIKE_AN_ADDRESS.search(text):
            return "That is not a whole e-mail address: one has a name, an @ and a domain, like anna@example.com."
        return "I could not find an e-mail address in that."
    digits = max(_DIGITS.findall(text), key=len, default="")
    if digits and len(digits) != ORDER_DIGITS:
        count = "1 digit" if len(digits) == 1 else f"{len(digits)} digits"
        quoted = digits if len(digits) <= QUOTED else f"{digits[:QUOTED]}…"
        return f"“{quoted}” has {count}, and an order number has {ORDER_DIGITS}, like KF-10234."
    return "I could not find an order number like KF-10234 in that."
