"""Who gets which chat: urgency, teams, skills and languages, and that nobody starves; on both databases."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.accounts.services import AGENT, OPERATOR, audit, ensure_account
from bot.conversations import customers
from bot.conversations import services as conversations
from bot.db import Database, now
from bot.desk import claims, priority, services, staffing
from bot.desk.models import Handoff
from bot.desk.rules import Rules
from bot.errors import Conflict, Invalid, NotFound
from bot.events import MemoryHub
from kb_index.tables import kb_articles


def hire(session, name, role=AGENT, team=None, skills=(), languages=(), capacity=None):
    account = ensure_account(session, f"{name}@example.com", name.title(), role, "a long enough password")
    boss = ensure_account(session, "boss@example.com", "Boss", OPERATOR, "a long enough password")
    staffing.set_member(session, account.id, boss, team_id=team, skills=skills, languages=languages, capacity=capacity)
    return account.id, account.name


def ask(session, text="Hello?", *, reason="asked_for_person", locale="en", plan=None, article=None, language=None):
    customer = customers.new_visitor(session, locale)
    customer.plan = plan
    return ask_again(session, customer.id, text, reason=reason, article=article, language=language)


def ask_again(session, customer_id, text="Hello?", *, reason="asked_for_person", article=None, language=None):
    conversation = conversations.Conversation(customer_id=customer_id)
    session.add(conversation)
    session.flush()
    conversations.add_message(session, conversation, author="customer", text=text, client_id="c1")
    if article:
        shown = {"article": {"id": article, "title": article, "section": "", "url": ""}}
        conversations.add_message(session, conversation, author="bot", text="…", kind="answer", extra=shown)
    services.hand_over(session, conversation, reason, [], language=language)
    return conversation.id


def waited(session, chat, ago):
    handoff = services.newest_handoff(session, chat)
    for name in ("requested_at", "queued_at", "due_at"):
        setattr(handoff, name, getattr(handoff, name) - ago)


def for_team(session, chat, team_id):
    services.newest_handoff(session, chat).team_id = team_id


async def test_a_chat_goes_to_who_speaks_the_language_and_after_a_while_to_anybody(db):
    anna = await db.write(hire, "anna", languages=("de", "en"))
    mia = await db.write(hire, "mia")
    german = await db.write(ask, locale="de-AT")
    with pytest.raises(Conflict, match="needs another team, skill or language"):
        await db.write(claims.claim_next, mia)
    assert (await db.write(claims.claim_next, anna)).id == german
    with pytest.raises(Conflict, match="Nobody is waiting"):
        await db.write(claims.claim_next, mia)
    other = await db.write(ask, locale="en", language="de", reason="other_language")
    with pytest.raises(Conflict):
        await db.write(claims.claim_next, mia)
    await db.write(waited, other, Rules().widen_after + timedelta(seconds=1))
    assert (await db.write(claims.claim_next, mia)).id == other


async def test_a_language_or_skill_that_no_colleague_has_keeps_nobody_waiting(db):
    mia = await db.write(hire, "mia")
    chat = await db.write(ask, locale="fi", article="no-such-article")
    assert (await db.write(claims.claim_next, mia)).id == chat


async def test_the_topic_of_the_article_shown_last_is_the_skill(db):
    await db.write(_publish, "refund-times", "returns-and-refunds")
    rita = await db.write(hire, "rita", skills=("returns-and-refunds",))
    sven = await db.write(hire, "sven", skills=("shipping",))
    gina = await db.write(hire, "gina")
    chat = await db.write(ask, article="refund-times")
    with pytest.raises(Conflict):
        await db.write(claims.claim_next, sven)
    assert (await db.write(claims.claim_next, rita)).id == chat
    # Who names no skills takes any topic.
    again = await db.write(ask, article="refund-times")
    assert (await db.write(claims.claim_next, gina)).id == again


def _publish(session, article_id, category):
    empty = {"questions": [], "body": "", "digest": "", "version": 1, "updated_at": now()}
    session.execute(kb_articles.insert().values(id=article_id, title=article_id, category=category, **empty))


async def test_a_chat_for_a_team_goes_to_its_members_and_after_a_while_to_anybody(db):
    boss = await db.write(ensure_account, "boss@example.com", "Boss", OPERATOR, "a long enough password")
    team = await db.write(staffing.add_team, "Returns", boss)
    mia, rita = await db.write(hire, "mia"), await db.write(hire, "rita", team=team.id)
    for_returns, for_all = await db.write(ask), await db.write(ask)
    await db.write(for_team, for_returns, team.id)
    assert (await db.write(claims.claim_next, mia)).id == for_all
    with pytest.raises(Conflict):
        await db.write(claims.claim_next, mia)
    assert (await db.write(claims.claim_next, rita)).id == for_returns
    await db.write(services.hand_back, for_returns, rita)
    await db.write(waited, for_returns, timedelta(minutes=4))
    assert (await db.write(claims.claim_next, mia)).id == for_returns


async def test_any_chat_can_be_claimed_by_hand(db):
    await db.write(hire, "anna", languages=("de",))
    mia = await db.write(hire, "mia")
    german = await db.write(ask, locale="de")
    assert (await db.write(claims.claim, german, mia)).id == german


async def test_agents_with_different_skills_who_ask_at_once_each_get_what_they_can_take(db):
    anna, bert, mia = (
        await db.write(hire, "anna", languages=("de",)),
        await db.write(hire, "bert", languages=("fr",)),
        await db.write(hire, "mia"),
    )
    german, french, english = [await db.write(ask, locale=locale) for locale in ("de", "fr", "en")]
    outcomes = await db.write(claims.take, [claims.Ask(agent) for agent in (mia, bert, anna, mia)])
    assert [getattr(each, "id", None) for each in outcomes] == [english, french, german, None]


async def test_agents_have_their_own_limit_where_one_is_set(db):
    mia = await db.write(hire, "mia", capacity=1)
    for _ in range(2):
        await db.write(ask)
    await db.write(claims.claim_next, mia, 8)
    with pytest.raises(Conflict, match="You have 1 chat, and 1 at a time"):
        await db.write(claims.claim_next, mia, 8)


async def test_plans_that_the_settings_name_and_open_complaints_are_due_earlier(db_url):
    database = Database(db_url, MemoryHub(), info=Rules(priority_plans=frozenset({"business"})).as_info())
    try:
        usual = await database.write(ask, plan="free")
        business = await database.write(ask, plan="Business")
        complaint = await database.write(ask, reason="complaint")
        customer = (await database.read(conversations.get, complaint)).customer_id
        second = await database.write(ask_again, customer)
        order = [entry.conversation.id for entry in await database.read(services.queue)]
        assert order == [complaint, business, second, usual]
    finally:
        database.close()


FLAGS = st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans())


async def test_topics_that_the_settings_name_and_trouble_on_the_page_come_first(db_url):
    database = Database(db_url, MemoryHub(), info=Rules(urgent_topics=frozenset({"payment"})).as_info())

    def shown(session, category):
        _publish(session, category, category)
        return ask(session, article=category)

    def stuck(session, minutes_ago):
        conversation = conversations.current_of(session, customers.new_visitor(session, "en").id)
        conversations.report_trouble(session, conversation.id, conversation.customer_id, "payment_failed")
        at = (now() - timedelta(minutes=minutes_ago)).isoformat()
        conversation.page_trouble = {**conversation.page_trouble, "at": at}
        services.hand_over(session, conversation, "asked_for_person", [])
        return conversation.id

    try:
        shipping = await database.write(shown, "shipping")
        long_ago = await database.write(stuck, 31)
        payment = await database.write(shown, "payment")
        just_now = await database.write(stuck, 1)
        order = [entry.conversation.id for entry in await database.read(services.queue)]
        assert order == [payment, just_now, shipping, long_ago]
    finally:
        database.close()


@given(
    early=st.sampled_from([*priority.HEAD_START, "asked_for_person"]),
    late=st.sampled_from([*priority.HEAD_START, "asked_for_person"]),
    after=st.integers(min_value=0, max_value=86_400),
    starts=st.tuples(FLAGS, FLAGS),
)
def test_nobody_is_overtaken_by_who_asked_thirty_minutes_later_or_more(early, late, after, starts):
    asked = now()
    later = asked + timedelta(seconds=after)
    first, second = (
        priority.due_at(
            at,
            reason,
            plan="vip" if vip else None,
            complaint=complaint,
            plans={"vip"},
            topic="payment" if topic else None,
            topics={"payment"},
            trouble=trouble,
        )
        for at, reason, (vip, complaint, topic, trouble) in ((asked, early, starts[0]), (later, late, starts[1]))
    )
    assert second >= first or after < 30 * 60
    assert priority.at_the_front(later) < min(first, second)


async def test_teams_and_agents_are_kept_as_they_were_given_or_refused_with_the_reason(db):
    boss = await db.write(ensure_account, "boss@example.com", "Boss", OPERATOR, "a long enough password")
    team = await db.write(staffing.add_team, "  Returns \n and refunds ", boss)
    assert team.name == "Returns and refunds"
    for name, problem in (("", Invalid), ("x" * 101, Invalid), ("RETURNS and Refunds", Conflict)):
        with pytest.raises(problem):
            await db.write(staffing.add_team, name, boss)
    mia = await db.write(hire, "mia", team=team.id, skills=(" a ", "a", ""), languages=("DE", "en"), capacity=3)
    (member,) = [each for each in await db.read(staffing.members) if each.account.id == mia[0]]
    assert (member.team.name, member.skills, member.languages, member.capacity) == (team.name, ["a"], ["de", "en"], 3)
    good = {"team_id": None, "skills": (), "languages": (), "capacity": None}
    for wrong, problem in (
        ({"capacity": 0}, Invalid),
        ({"capacity": 101}, Invalid),
        ({"languages": ("german",)}, Invalid),
        ({"skills": ("x" * 51,)}, Invalid),
        ({"skills": [str(number) for number in range(31)]}, Invalid),
        ({"team_id": 999}, NotFound),
    ):
        with pytest.raises(problem):
            await db.write(staffing.set_member, mia[0], boss, **{**good, **wrong})
    with pytest.raises(NotFound):
        await db.write(staffing.set_member, "f" * 32, boss, **good)
    with pytest.raises(Conflict, match="still has members"):
        await db.write(staffing.remove_team, team.id, boss)
    await db.write(staffing.set_member, mia[0], boss, **good)
    await db.write(staffing.rename_team, team.id, "Refunds", boss)
    await db.write(staffing.remove_team, team.id, boss)
    assert await db.read(staffing.teams) == []
    done = [entry.what for entry in await db.read(audit)]
    assert done[:3] == ["team_removed", "team_renamed", "agent_changed"]


async def test_a_team_that_a_chat_waits_for_stays(db):
    boss = await db.write(ensure_account, "boss@example.com", "Boss", OPERATOR, "a long enough password")
    team = await db.write(staffing.add_team, "Returns", boss)
    mia, chat = await db.write(hire, "mia"), await db.write(ask)
    await db.write(for_team, chat, team.id)
    with pytest.raises(Conflict, match="A chat is with"):
        await db.write(staffing.remove_team, team.id, boss)
    await db.write(claims.claim, chat, mia)
    await db.write(services.resolve, chat, mia)
    await db.write(staffing.remove_team, team.id, boss)
    assert (await db.read(lambda session: session.query(Handoff).one().team_id)) is None
