"""What people type, made safe to store and show: nothing that is visible changes."""

import unicodedata

from bot.conversations.masking import masked_cards
from bot.errors import Invalid

MAX_TEXT = 4000
MAX_AGENT_TEXT = 8000
# Tab and line breaks are typed on purpose; other control characters are not text, and PostgreSQL
# cannot store a null byte at all.
_KEEP = {"\n", "\t"}


def cleaned(text: str, limit: int = MAX_TEXT) -> str:
    """Raises Invalid, with code `empty` or `too_large`, for what cannot be stored."""
    if len(text) > limit:
        raise Invalid(f"The text has {len(text):,} characters; {limit:,} are the limit.", code="too_large")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Lone surrogates come from cut emoji and are no text in any encoding.
    text = "".join(c for c in text if c in _KEEP or unicodedata.category(c) not in ("Cc", "Cs"))
    if not any(_visible(character) for character in text):
        raise Invalid("There is nothing in this message that can be shown.", code="empty")
    return text.strip()


def agent_text(text: str) -> str:
    """An agent's reply as it is stored: `cleaned`, and without card numbers. Raises Invalid."""
    return masked_cards(cleaned(text, MAX_AGENT_TEXT)).text


def _visible(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) not in ("Cf", "Mn")


def language_of(locale: str) -> str:
    """The language of a locale such as `de-AT` or `de_AT`, in lower case."""
    return locale.replace("_", "-").split("-")[0].lower()
