"""Notices in the customer's language, where the widget has no room for them: it shows a notice's text as it comes."""

from collections.abc import Mapping
from typing import Any

from bot.conversations.text import language_of

# By code, then by language. English is the notice's own text, which is also what agents read.
_TEXTS: dict[str, dict[str, str]] = {
    "agent_away": {
        "de": "{name} musste gehen. Sie sind jetzt als Nächstes dran: wer zuerst frei ist, übernimmt.",
        "es": "{name} ha tenido que irse. Ahora usted es el siguiente: le atenderá la primera persona libre.",
        "fr": "{name} a dû partir. Vous êtes maintenant en tête de file : la première personne libre prend la suite.",
    },
    "transferred": {
        "de": "Ihr Chat ist an {name} übergeben worden. Alles bisher Geschriebene ist dort zu sehen.",
        "es": "Su chat ha pasado a {name}. Allí pueden leer todo lo escrito hasta ahora.",
        "fr": "Votre conversation a été transmise à {name}, où tout ce qui a été écrit peut être lu.",
    },
    "mail_delayed": {
        "de": "Die E-Mail an {address} lässt sich gerade nicht zustellen. Wir versuchen es weiter.",
        "es": "El correo a {address} no se puede entregar por ahora. Seguimos intentándolo.",
        "fr": "L'e-mail à {address} ne peut pas être remis pour l'instant. Nous continuons d'essayer.",
    },
    "mail_failed": {
        "de": "Die E-Mail an {address} kam nicht an. Wir antworten Ihnen wieder hier im Chat.",
        "es": "El correo a {address} no ha llegado. Volvemos a responderle aquí, en el chat.",
        "fr": "L'e-mail à {address} n'est pas arrivé. Nous vous répondons de nouveau ici.",
    },
}
CODES = frozenset(_TEXTS)


def in_language(code: str, locale: str, extra: Mapping[str, Any]) -> str | None:
    """The notice's text in a locale such as `de-AT`, filled in from `extra`; None where there is none."""
    text = _TEXTS.get(code, {}).get(language_of(locale))
    return text.format_map({name: extra.get(name) or "" for name in ("name", "address")}) if text else None
