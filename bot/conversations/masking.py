"""What nobody should type into a chat, made unreadable before it is stored or sent anywhere.

Payment card numbers (as issuers give them out, with a right check digit), the code on their back, IBANs with right
check digits, and passwords that are named as such. Order numbers, phone numbers, dates and prices stay as they are.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from stdnum import iban, luhn

CARD = "card"
CARD_CODE = "card_code"
IBAN = "iban"
PASSWORD = "password"

DOTS = "••••"
# Between the digits of one number: spaces of all kinds, dashes, dots, slashes, and what cannot be seen. No comma: it
# stands between prices.
_GAP = r"[\s./\\_|\-\u2010-\u2015\u2212\u00ad\u200b-\u200f\u2060\ufeff]{0,5}"
_DIGITS = re.compile(rf"\d(?:{_GAP}\d){{12,}}")
_GROUP = re.compile(r"\d+")
# Issuers' first digits, and how many digits their numbers have: the likeliest length first.
_ISSUERS = (
    (re.compile(r"4"), (16, 19, 13)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"30[0-5]|309|3[689]"), (14, 16, 19)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 19, 18, 17)),
    (re.compile(r"6"), (16, 19, 18, 17)),
    (re.compile(r"5[06-8]"), (16, 19, 18, 17)),
)
_DATE_OR_PRICE = re.compile(
    r"(?:0?[1-9]|[12]\d|3[01])([./\-])(?:0?[1-9]|1[0-2])\1(?:(?:19|20)?\d\d)"
    r"|(?:19|20)\d\d([./\-])(?:0?[1-9]|1[0-2])\2(?:0?[1-9]|[12]\d|3[01])"
    r"|\d{1,5}\.\d{2}"
)
_MONEY_BEFORE = re.compile(r"[€$£]\s?$")
_PHONE_BEFORE = re.compile(r"\+\s?\(?$")
# The digits behind these begin no number of their own: what was left of a card, an amount, its thousands.
_NUMBER_GOES_ON = re.compile(rf"(?:{DOTS} |[€$£]\s?|\d,)$")
_MAX_PHONE_DIGITS = 15

_IBAN = re.compile(rf"(?<![^\W_])[A-Za-z]{_GAP}[A-Za-z]{_GAP}[0-9]{_GAP}[0-9](?:{_GAP}[A-Za-z0-9]){{11,30}}(?![^\W_])")

_CODE_NAME = (
    r"\b(?:cvc2?|cvv2?|csc|card (?:security |verification )?code|security code|prüf(?:ziffer|nummer)"
    r"|código de seguridad|cryptogramme)\b"
)
_NAMED_CODE = re.compile(
    rf"({_CODE_NAME}\W{{0,3}}(?:(?:is|was|ist|es|est)\b)?\W{{0,3}})(\d{{3,4}})(?!\d)", re.IGNORECASE
)
_EXPIRY = r"(?:(?:exp\w*|valid\w*|until|gültig\w*|bis)\W{0,3})?\d{1,2}\s?[/.\-]\s?(?:\d{4}|\d{2})"
_CODE_BEHIND_CARD = re.compile(
    rf"((?<![A-Za-z]){DOTS} \d{{4}}(?:[\s,;:|/]{{1,3}}{_EXPIRY})?[\s,;:|/]{{1,3}})"
    r"(\d{3,4})(?!\d|[.,]\d|\s?(?:€|%|eur\b|euros?\b))",
    re.IGNORECASE,
)

_SECRET_NAME = r"\b(?:pass(?:word|code|phrase)|pass word|pwd|passwort|kennwort|contraseña|mot de passe)\b"
_QUOTED = (
    r"\"[^\"\n]{1,100}\"|“[^”\n]{1,100}”|„[^“”\n]{1,100}[“”]|«[^»\n]{1,100}»|`[^`\n]{1,100}`|'[^'\n]{1,100}'(?!\w)"
)
_NAMED_SECRET = re.compile(
    rf"({_SECRET_NAME}[ \t]*(?:(?P<colon>[:=]+>?)|(?:is|was|ist|war|lautet|es|est)\b[ \t]*(?P<late>[:=])?)[ \t]*)"
    rf"(?P<secret>{_QUOTED}|\S+)",
    re.IGNORECASE,
)
_PIN = re.compile(
    r"(\bpin(?:[ \t]?(?:code|number))?\b[ \t]*(?:[:=]|is\b|ist\b|es\b|est\b)?[ \t]*)(\d{4,8})\b", re.IGNORECASE
)
# What follows "my password is" in a complaint about it, and is no password.
_ABOUT_SECRETS = re.compile(
    r"""(?:
    a|abgelaufen|about|accepted|again|all|already|also|always|an|and|any|apparently|asked|at|
    because|being|between|blocked|broken|but|by|case|case-sensitive|changed|compromised|correct|
    correctly|definitely|denied|different|disabled|displayed|empty|entered|expired|falsch|fine|for|
    forgotten|from|gesperrt|gone|good|hacked|hard|hidden|how|i|if|impossible|in|incorrect|
    incorrecta|insecure|invalid|it|just|known|leaked|locked|longer|lost|mine|missing|my|needed|
    never|nicht|no|not|now|of|ok|okay|old|olvidada|on|one|only|or|oublié|out|outdated|pas|
    perdu|please|probably|protected|refused|rejected|required|reset|reused|richtig|right|safe|saved|
    secure|sent|shared|shorter|shown|so|somehow|something|stale|still|stolen|stored|strong|stuck|
    that|the|this|to|too|typed|under|unknown|unsafe|useless|valid|vergessen|very|weak|weg|what|
    when|where|which|who|why|with|working|wrong|y|yes|you|your
    )""",
    re.VERBOSE,
)
_TRIVIAL = re.compile(r"[\W_]*")


@dataclass(frozen=True)
class Masked:
    """`text` as it may be stored; `found` says what was masked in it, each kind once."""

    text: str
    found: tuple[str, ...] = ()


def masked(text: str) -> Masked:
    """`text` without what a customer should not have typed. Masking it again changes nothing."""
    return _apply(text, (_mask_ibans, _mask_cards, _mask_codes, _mask_secrets))


def masked_cards(text: str) -> Masked:
    """`text` without card numbers and codes: for agents, who give customers the shop's IBAN and explain passwords."""
    return _apply(text, (_mask_cards, _mask_codes))


def _apply(text: str, steps: tuple[Callable[[str, set[str]], str], ...]) -> Masked:
    found: set[str] = set()
    for step in steps:
        text = step(text, found)
    return Masked(text, tuple(sorted(found)))


def _mask_ibans(text: str, found: set[str]) -> str:
    def hide(match: re.Match[str]) -> str:
        # Words behind an IBAN look like more of it: the longest part that has right check digits is it.
        whole = match[0]
        for end in range(len(whole), 14, -1):
            number = re.sub(r"[^A-Za-z0-9]", "", whole[:end]).upper()
            if len(number) >= 15 and whole[end - 1].isalnum() and iban.is_valid(number, check_country=False):
                found.add(IBAN)
                return f"{number[:2]}{DOTS}{whole[end:]}"
        return whole

    return _IBAN.sub(hide, text)


def _mask_cards(text: str, found: set[str]) -> str:
    def hide(match: re.Match[str]) -> str:
        run = match[0]
        spans = _card_spans(run, text[: match.start()])
        if spans:
            found.add(CARD)
        for start, end in reversed(spans):
            digits = "".join(_GROUP.findall(run[start:end]))
            run = f"{run[:start]}{DOTS} {_plain(digits)[-4:]}{run[end:]}"
        return run

    return _DIGITS.sub(hide, text)


def _card_spans(run: str, before: str) -> list[tuple[int, int]]:
    """Where in a run of digits and gaps the card numbers lie: whole groups of digits, from left to right."""
    groups = [(match.start(), match.end()) for match in _GROUP.finditer(run)]
    digits = _plain("".join(run[start:end] for start, end in groups))
    if len(digits) <= _MAX_PHONE_DIGITS and _PHONE_BEFORE.search(before[-4:]):
        return []
    offsets = [0]
    for start, end in groups:
        offsets.append(offsets[-1] + end - start)
    ends = {offset: place for place, offset in enumerate(offsets)}
    spans: list[tuple[int, int]] = []
    first = 0 if _NUMBER_GOES_ON.search(before[-6:]) is None or groups[0][1] > 5 else 1
    while first < len(groups):
        last = _card_end(digits, offsets[first], ends)
        if last is None or _everyday(run, groups[first][0], groups[last - 1][1]):
            first += 1
            continue
        spans.append((groups[first][0], groups[last - 1][1]))
        first = last
    return spans


def _card_end(digits: str, start: int, ends: dict[int, int]) -> int | None:
    """The number of groups up to the end of a card number that begins at `start`, or None."""
    for prefix, lengths in _ISSUERS:
        if not prefix.match(digits, start):
            continue
        for length in lengths:
            # Thirteen digits are old cards, and many other things: only when nothing stands beside them.
            alone = length > 13 or len(digits) == 13
            if alone and start + length in ends and luhn.is_valid(digits[start : start + length]):
                return ends[start + length]
    return None


def _everyday(run: str, start: int, end: int) -> bool:
    """Whether the words that reach into this part of a run are dates or prices."""
    start -= len(re.split(r"\s", run[:start])[-1])
    end += len(re.split(r"\s", run[end:])[0])
    return all(_DATE_OR_PRICE.fullmatch(word.strip("-/.|")) for word in run[start:end].split())


def _plain(digits: str) -> str:
    """Digits of any script as ASCII."""
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)


def _mask_codes(text: str, found: set[str]) -> str:
    def hide(match: re.Match[str]) -> str:
        if _MONEY_BEFORE.search(match[1]):
            return match[0]
        found.add(CARD_CODE)
        return f"{match[1]}•••"

    text = _NAMED_CODE.sub(hide, text)
    return _CODE_BEHIND_CARD.sub(hide, text)


def _mask_secrets(text: str, found: set[str]) -> str:
    def hide(match: re.Match[str]) -> str:
        named = bool(match["colon"] or match["late"])
        if not _is_secret(match["secret"], named, text[match.end() :]):
            return match[0]
        found.add(PASSWORD)
        return f"{match[1]}{DOTS}"

    def hide_pin(match: re.Match[str]) -> str:
        found.add(PASSWORD)
        return f"{match[1]}{DOTS}"

    return _PIN.sub(hide_pin, _NAMED_SECRET.sub(hide, text))


def _is_secret(secret: str, named: bool, rest: str) -> bool:
    """Whether what stands behind "password" is one; `named` behind a colon, otherwise behind "is"."""
    if _TRIVIAL.fullmatch(secret) and not (named and len(secret) > 3):
        return False
    if secret[0] in "\"“„«`'" and len(secret) > 1:
        return DOTS not in secret
    word = secret.rstrip(".,;:!?)").casefold().replace("\u2019", "'")
    if _ABOUT_SECRETS.fullmatch(word) or DOTS in secret or word.endswith(("n't", "'s")):
        return False
    if named or not word.isalpha():
        return True
    # A plain word: a sentence about passwords goes on behind it, one that gives it away ends or turns.
    return bool(re.match(r"\s*(?:$|[.,;!?\n]|(?:and|but|und|y|et)\b)", rest)) or secret[-1] in ".,;!?"
