"""What somebody wrote in a reply: without the mail that they answer, and without their signature.

Of our own, because the package for it (mail-parser-reply) takes a list with dashes for a signature and drops it, and
its expressions take quadratic time. Here each line is looked at once, and what is unclear stays: a line too much is no
harm.
"""

import re

# "On Mon, 3 Nov 2026 at 10:12, Mia <mia@shop.example> wrote:" in the languages of the widget; at most over two lines.
_WROTE = re.compile(
    r"(?:on|am|el|le|il|op|den)\b.{0,280}?\b"
    r"(?:wrote|schrieb\b.{0,100}|escribió|a écrit|ha scritto|schreef.{0,100}|skrev.{0,100})\s*:",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"[-_]{2,} ?(?:original message|forwarded message|ursprüngliche nachricht|mensaje original|message d'origine)"
    r" ?[-_]{2,}",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"\*?(?:from|sent|to|subject|date|cc|von|gesendet|an|betreff|datum|de|enviado|para|asunto|fecha|envoyé|à|objet)\s?:\*?\s",
    re.IGNORECASE,
)
_FIRST_HEADER = re.compile(r"\*?(?:from|von|de)\s?:\*?\s", re.IGNORECASE)
_SENT_FROM = re.compile(
    r"(?:sent from my|sent from outlook|get outlook for|von meinem .{1,40} gesendet|gesendet von|enviado desde mi"
    r"|envoyé de mon|envoyé depuis)\b.{0,60}",
    re.IGNORECASE,
)
_RULE = re.compile(r"_{20,}")
# A signature is short; more behind two dashes is text.
MAX_SIGNATURE = 12
MAX_LINE = 500


def written(text: str) -> str:
    """The customer's own words; all of the text when nothing would be left of it."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    kept = _without_signature(_without_quotes(lines))
    own = "\n".join(kept).strip()
    return own if own else text.strip()


def _without_quotes(lines: list[str]) -> list[str]:
    kept: list[str] = []
    number = 0
    while number < len(lines):
        line = lines[number].strip()
        if line.startswith(">"):
            number += 1
            continue
        taken = _attribution(lines, number)
        if taken:
            following = _next_words(lines, number + taken)
            if following.startswith(">"):
                number += taken
                continue
            if re.search(r"\d", line) and ("<" in line or "@" in "".join(lines[number : number + taken])):
                # Quoted without marks: the rest is the mail that is answered.
                break
        if _ORIGINAL.fullmatch(line) or _header_block(lines, number):
            break
        if not (_RULE.fullmatch(line) and _header_block(lines, number + 1)):
            kept.append(lines[number])
        number += 1
    return kept


def _attribution(lines: list[str], number: int) -> int:
    """How many lines from here on say who wrote what follows: 0, 1 or 2."""
    one = lines[number].strip()[:MAX_LINE]
    if _WROTE.fullmatch(one):
        return 1
    two = f"{one} {lines[number + 1].strip()[:MAX_LINE]}" if number + 1 < len(lines) else ""
    return 2 if one and _WROTE.fullmatch(two) else 0


def _next_words(lines: list[str], number: int) -> str:
    return next((line.strip() for line in lines[number : number + 5] if line.strip()), "")


def _header_block(lines: list[str], number: int) -> bool:
    """Whether a mail's headers stand here, as Outlook quotes: From, and two more within the next lines."""
    if number >= len(lines) or not _FIRST_HEADER.match(lines[number].strip()[:MAX_LINE]):
        return False
    following = lines[number + 1 : number + 6]
    return sum(bool(_HEADER.match(line.strip()[:MAX_LINE])) for line in following) >= 2


def _without_signature(lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        if line.strip() == "--" and len([each for each in lines[number:] if each.strip()]) <= MAX_SIGNATURE:
            lines = lines[:number]
            break
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    if lines and _SENT_FROM.fullmatch(lines[-1].strip()[:MAX_LINE]):
        lines = lines[:-1]
    return lines
