"""Who a visitor is, and what becomes of their chat when they say who they are."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.conversations.models import Conversation, Customer
from bot.errors import NotSignedIn
from bot.events import announce, conversation_topic


@dataclass(frozen=True)
class Identity:
    """What the shop vouches for."""

    external_id: str
    name: str | None = None
    email: str | None = None
    plan: str | None = None


def new_visitor(session: Session, locale: str) -> Customer:
    customer = Customer(locale=locale)
    session.add(customer)
    session.flush()
    return customer


def get(session: Session, customer_id: str) -> Customer:
    """Raises NotSignedIn: a token for a customer who is gone is a token for nobody."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise NotSignedIn("This visitor is not known any more.")
    return customer


def identify(session: Session, visitor: Customer, identity: Identity) -> Customer:
    """The identified customer; what the anonymous visitor wrote before moves along."""
    known = session.scalar(select(Customer).where(Customer.external_id == identity.external_id))
    if known is None and visitor.external_id is None:
        visitor.external_id = identity.external_id
        known = visitor
    elif known is None:
        # Somebody else signs in on the same browser: their own customer, not a renamed one.
        known = _create(session, identity, visitor.locale)
    known.name = identity.name or known.name
    known.email = identity.email or known.email
    known.plan = identity.plan or known.plan
    if known.id != visitor.id and visitor.external_id is None:
        _move(session, visitor.id, known.id)
    session.flush()
    return known


def _create(session: Session, identity: Identity, locale: str) -> Customer:
    try:
        with session.begin_nested():
            customer = Customer(external_id=identity.external_id, locale=locale)
            session.add(customer)
            session.flush()
        return customer
    except IntegrityError:
        # Two tabs signed in at once; the other one was first.
        found = session.scalar(select(Customer).where(Customer.external_id == identity.external_id))
        assert found is not None
        return found


def _move(session: Session, visitor_id: str, customer_id: str) -> None:
    written = session.scalars(
        select(Conversation).where(Conversation.customer_id == visitor_id, Conversation.last_sequence > 0)
    ).all()
    for conversation in written:
        conversation.customer_id = customer_id
        announce(session, conversation_topic(conversation.id))
