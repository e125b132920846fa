"""What the mails say, in the widget's languages. Plain text: what people typed stays what they typed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations.services import Message

# How much of what the customer wrote a confirmation repeats. Whoever owns the address may not be who typed it, so
# there is neither much nor a link in it.
MAX_QUOTE = 300
MAX_REASON = 200
_LINK = re.compile(r"\b(?:[a-z][a-z0-9+.\-]*://|www\.)\S+|\b[\w\-]+(?:\.[\w\-]+)*\.[a-z]{2,}(?:/\S*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Words:
    subject: str
    asked: str
    add: str
    stranger: str
    answer: str
    closed: str


WORDS = {
    "en": Words(
        subject="Your support request #{number}",
        asked="Hello,\n\nyou asked us in the chat to answer by e-mail. We have your request, and a person will answer "
        "it here. This is what you wrote:",
        add="If there is something to add, reply to this e-mail: it goes into the same conversation.",
        stranger="It was not you? Then somebody mistyped their address, and you can ignore this: nothing was signed up "
        "for.",
        answer="Reply to this e-mail to answer: your reply goes straight into the same conversation.",
        closed="We have closed this request. If there is anything else, reply to this e-mail.",
    ),
    "de": Words(
        subject="Ihre Anfrage #{number}",
        asked="Guten Tag,\n\nSie haben uns im Chat gebeten, per E-Mail zu antworten. Ihre Anfrage liegt uns vor, und "
        "ein Mensch beantwortet sie hier. Das haben Sie geschrieben:",
        add="Möchten Sie etwas ergänzen? Antworten Sie auf diese E-Mail: Ihre Antwort kommt in dasselbe Gespräch.",
        stranger="Das waren nicht Sie? Dann hat sich jemand bei der Adresse vertippt, und Sie können diese E-Mail "
        "ignorieren: Es wurde nichts bestellt oder abonniert.",
        answer="Zum Antworten antworten Sie einfach auf diese E-Mail: Ihre Antwort kommt in dasselbe Gespräch.",
        closed="Wir haben diese Anfrage abgeschlossen. Gibt es noch etwas? Antworten Sie auf diese E-Mail.",
    ),
    "es": Words(
        subject="Su consulta #{number}",
        asked="Hola:\n\nNos ha pedido en el chat que le respondamos por correo electrónico. Tenemos su consulta y una "
        "persona la responderá aquí. Esto es lo que escribió:",
        add="Si quiere añadir algo, responda a este correo: llega a la misma conversación.",
        stranger="¿No ha sido usted? Entonces alguien se equivocó de dirección y puede ignorar este correo: no se ha "
        "suscrito a nada.",
        answer="Para contestar, responda a este correo: su respuesta llega a la misma conversación.",
        closed="Hemos cerrado esta consulta. Si necesita algo más, responda a este correo.",
    ),
    "fr": Words(
        subject="Votre demande #{number}",
        asked="Bonjour,\n\nvous nous avez demandé dans le chat de vous répondre par e-mail. Nous avons votre demande, "
        "et une personne y répondra ici. Voici ce que vous avez écrit :",
        add="Pour ajouter quelque chose, répondez à cet e-mail : votre réponse rejoint la même conversation.",
        stranger="Ce n'était pas vous ? Quelqu'un s'est alors trompé d'adresse, et vous pouvez ignorer cet e-mail : "
        "aucune inscription n'a été faite.",
        answer="Pour répondre, répondez à cet e-mail : votre réponse rejoint la même conversation.",
        closed="Nous avons clos cette demande. S'il y a autre chose, répondez à cet e-mail.",
    ),
}


def words(locale: str) -> Words:
    """In the language of the customer's browser; English for those that we do not have."""
    return WORDS.get(locale[:2].lower(), WORDS["en"])


def subject(conversation_id: str, locale: str) -> str:
    return words(locale).subject.format(number=conversation_id[:8])


def confirmation(said: Sequence[str], locale: str) -> str:
    """For who asked for e-mail: `said` is what they wrote, in its order."""
    known = words(locale)
    quoted = "\n".join(f"    {line}" for line in _quote(said).splitlines())
    return "\n\n".join((known.asked, quoted, known.add, known.stranger)) + "\n"


def reply(messages: Sequence[Message], locale: str) -> str:
    """What agents wrote, in order, under the name of who wrote it, and whether that closed the request."""
    parts: list[str] = []
    name = None
    for message in messages:
        if message.author == "agent":
            if name not in (None, message.agent_name):
                parts.append(f"— {name}")
            parts.append(message.text)
            name = message.agent_name
    if name:
        parts.append(f"— {name}")
    known = words(locale)
    parts.append(known.closed if messages[-1].author == "system" else known.answer)
    return "\n\n".join(parts) + "\n"


def by_email(address: str) -> str:
    """The notice in the chat; the widget has it in its languages."""
    return (
        f"We will answer by e-mail to {address}. You can close the chat; if you reply to our e-mail, it comes back "
        "into this conversation. If the address is wrong, just enter the right one."
    )


def returned(address: str, error: str) -> str:
    return f"Our e-mail to {address} could not be delivered: {one_line(error)}"


def delayed(address: str, error: str) -> str:
    return f"Our e-mail to {address} has not gone out yet, and we keep trying for two days: {one_line(error)}"


def one_line(text: str) -> str:
    """What a mail server said, for people: bounded, and without what cannot be shown."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= MAX_REASON else shown[: MAX_REASON - 1] + "…"


def _quote(said: Sequence[str]) -> str:
    # Cut before it is looked through, which takes quadratic time.
    text = _LINK.sub("[link]", "\n".join(said)[: 2 * MAX_QUOTE])
    return text if len(text) <= MAX_QUOTE else text[: MAX_QUOTE - 1].rstrip() + "…"
