"""Questions find their articles, from what is published now, in words that stand there."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Engine, update
from sqlalchemy.exc import SQLAlchemyError

from kb_index import store
from kb_index.articles import Article
from kb_index.database import create_database_engine
from kb_index.encoder import Encoder
from kb_index.index import EXACT_ROWS, Index, IndexedArticle, IndexedPassage
from kb_index.lexical import Bag, Lexicon
from kb_index.search import KnowledgeBase
from kb_index.spelling import Speller
from kb_index.tables import kb_passages
from tests.kb_index.conftest import SHOP


@pytest.fixture
def knowledge(shop: Engine, encoder: Encoder) -> KnowledgeBase:
    made = KnowledgeBase(shop, encoder)
    assert made.refresh()
    return made


def publish(engine: Engine, article: Article, encoder: Encoder) -> None:
    prepared = store.prepare(article, encoder)
    with engine.execution_options(writes=True).begin() as connection:
        store.publish(connection, prepared)


@pytest.mark.parametrize(
    ("question", "article", "sentence"),
    [
        ("what do i pay for sending it back from Germany?", "returns", "A return from the EU costs €7.90."),
        ("how long until my parcel is in Berlin", "delivery-times", "Germany takes three to five working days."),
        ("is there a time limit on vouchers", "gift-cards", "A gift card is valid for three years."),
        ("white crust in my kettle", "descaling", None),
        ("Where do I get the lable to print", "returns", "2. Print the label."),
    ],
)
def test_a_question_finds_the_article_and_what_answers_in_it(
    knowledge: KnowledgeBase, question: str, article: str, sentence: str | None
):
    best = knowledge.search(question)[0]
    assert best.article_id == article
    if sentence:
        assert sentence in best.quote().excerpt


def test_a_hit_says_where_it_stands(knowledge: KnowledgeBase):
    best = knowledge.search("what does a return from the EU cost")[0]
    quote = best.quote()
    assert (best.title, quote.section, quote.anchor) == ("How to return something", "Costs", "costs")
    assert best.category == "returns"
    assert knowledge.search("how much citric acid for descaling")[0].url == "https://example.org/descaling"


def test_an_article_is_also_compared_by_its_headings_but_never_looked_up_by_them(engine: Engine, encoder: Encoder):
    body = "## {}\n\nOpen the settings, choose what you want, and press the button. It is done within a minute."
    for number, heading in enumerate(("Turn off the alarm", "Change the colour of the light", "Make it quieter")):
        publish(engine, Article(id=f"a{number}", title=f"Settings, part {number}", body=body.format(heading)), encoder)
    base = KnowledgeBase(engine, encoder)
    base.refresh()
    for question, article in (("how do I mute the alarm", "a0"), ("can the light be blue", "a1")):
        hits = base.search(question)
        assert hits[0].article_id == article
        assert hits[0].parts["headed"] > hits[0].parts["title"]
        assert all(hit.parts["nearest"] == max(hit.parts["headed"], hit.parts["passage"]) for hit in hits)
    assert base.rows == 6


def test_what_is_quoted_is_quoted_word_for_word(knowledge: KnowledgeBase):
    for question in ("return", "how do I descale", "when will it arrive", "gift card balance", "???", "zzz"):
        for hit in knowledge.search(question):
            quote = hit.quote()
            assert quote.sentence
            assert quote.sentence in quote.excerpt
            assert quote.excerpt in quote.passage


def test_each_article_is_found_once_best_first_and_no_more_than_asked_for(knowledge: KnowledgeBase):
    hits = knowledge.search("return", limit=10)
    assert len(hits) == len(SHOP)
    assert len({hit.article_id for hit in hits}) == len(hits)
    combined = [hit.parts["combined"] for hit in hits]
    assert combined == sorted(combined, reverse=True)
    assert [hit.article_id for hit in knowledge.search("return", limit=2)] == [hit.article_id for hit in hits[:2]]
    assert knowledge.search("return", limit=0) == []


def test_it_is_sure_of_what_it_knows_and_unsure_of_what_it_does_not(knowledge: KnowledgeBase):
    known = ["How do I send an item back?", "how long is a gift card valid", "how to descale a kettle"]
    unknown = ["what's the capital of Peru", "write me a python function", "asdfgh", "who won the match yesterday"]
    assert all(knowledge.search(question)[0].score > 0.6 for question in known)
    assert all(hit.score < 0.4 for question in unknown for hit in knowledge.search(question))
    assert all(0 <= hit.score <= 1 for question in known + unknown for hit in knowledge.search(question))


@pytest.mark.parametrize("question", ["", "   ", "\n\t"])
def test_nothing_asked_finds_nothing(knowledge: KnowledgeBase, question: str):
    assert knowledge.search(question) == []


@pytest.mark.parametrize(
    "question", ["x" * 1_000_000, "\0", "\ud800 return", "😀", "?" * 50, "ارجاع", "' OR 1=1 --", "NEAR(*"]
)
def test_strange_questions_do_no_harm(knowledge: KnowledgeBase, question: str):
    assert len(knowledge.search(question)) == 4


def test_a_given_embedding_is_used_instead_of_encoding(knowledge: KnowledgeBase, encoder: Encoder):
    vector = encoder.encode(["how do I descale the kettle"])[0]
    assert knowledge.search("how do I descale the kettle", embedding=vector) == knowledge.search(
        "how do I descale the kettle"
    )
    assert knowledge.search("it", embedding=vector)[0].article_id == "descaling"


def test_an_empty_knowledge_base_finds_nothing(engine: Engine, encoder: Encoder):
    knowledge = KnowledgeBase(engine, encoder)
    assert knowledge.search("returns") == []
    assert knowledge.refresh()
    assert not knowledge.refresh()
    assert knowledge.search("returns") == []


def test_what_one_process_publishes_another_answers_from(shop: Engine, encoder: Encoder):
    other_engine = create_database_engine(shop.url.render_as_string(hide_password=False))
    first, second = KnowledgeBase(shop, encoder), KnowledgeBase(other_engine, encoder)
    try:
        assert first.refresh() and second.refresh()
        publish(
            shop, Article(id="cups", title="Cups in the dishwasher", body="All our cups are dishwasher-safe."), encoder
        )
        assert second.refresh() and first.refresh()
        for knowledge in (first, second):
            assert knowledge.search("can I put the cup in the dishwasher")[0].article_id == "cups"
            assert knowledge.version == 5

        publish(other_engine, replace(SHOP[3], body="A gift card is valid for five years."), encoder)
        assert first.refresh()
        assert (
            first.search("how long is a gift card valid")[0].quote().sentence == "A gift card is valid for five years."
        )

        with other_engine.execution_options(writes=True).begin() as connection:
            store.withdraw(connection, "cups")
        assert first.refresh()
        assert all(hit.article_id != "cups" for hit in first.search("can I put the cup in the dishwasher"))
        assert not first.refresh()
    finally:
        other_engine.dispose()


def test_a_refresh_loads_only_what_changed(shop: Engine, encoder: Encoder):
    knowledge = KnowledgeBase(shop, encoder)
    knowledge.refresh()
    # Damage the stored embedding of an article that will not change: were it loaded again, it would show.
    with shop.execution_options(writes=True).begin() as connection:
        zeros = np.zeros(encoder.dimensions, dtype="<f2").tobytes()
        of_returns = kb_passages.c.article_id == "returns"
        connection.execute(update(kb_passages).where(of_returns).values(embedding=zeros))
    publish(shop, replace(SHOP[3], title="Vouchers"), encoder)
    assert knowledge.refresh()
    assert knowledge.search("How do I send an item back?")[0].article_id == "returns"
    assert knowledge.search("vouchers")[0].title == "Vouchers"


def test_embeddings_of_another_encoder_are_not_trusted(shop: Engine, encoder: Encoder):
    with shop.execution_options(writes=True).begin() as connection:
        other = {"encoder": "another", "embedding": b"\1\2", "sentences": b"\3"}
        connection.execute(update(kb_passages).values(other))
    knowledge = KnowledgeBase(shop, encoder)
    knowledge.refresh()
    best = knowledge.search("how long until my parcel is in Berlin")[0]
    assert "Germany takes three to five working days." in best.quote().excerpt


def test_a_refresh_that_fails_leaves_the_former_answers(shop: Engine, encoder: Encoder, tmp_path):
    knowledge = KnowledgeBase(shop, encoder)
    knowledge.refresh()
    before = knowledge.search("returns")
    broken = create_database_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    knowledge._engine = broken
    with pytest.raises(SQLAlchemyError):
        knowledge.refresh()
    broken.dispose()
    assert knowledge.search("returns") == before


def test_searches_go_on_while_others_publish(shop: Engine, encoder: Encoder):
    knowledge = KnowledgeBase(shop, encoder)
    knowledge.refresh()
    failures: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                assert knowledge.search("How do I send an item back?")[0].article_id == "returns"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(5):
        publish(shop, Article(id=f"new-{number}", title=f"News {number}", body="The shop has news. " * 9), encoder)
        knowledge.refresh()
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert knowledge.version == 9


def test_slips_of_the_keyboard_are_read_as_the_word_they_are_nearly(knowledge: KnowledgeBase):
    best = knowledge.search("hwo to descael my ketle")[0]
    assert best.article_id == "descaling"
    assert best.understood == "how to descale my kettle"
    assert knowledge.search("how to descale my kettle")[0].understood == ""


def test_a_letter_more_that_no_finger_slips_to_makes_another_word():
    lexicon = Lexicon()
    lexicon.learn("match grind refund")
    speller = Speller(lexicon, common=lambda word: False)
    speller.learn()
    assert speller.correct("matcha") == "matcha"
    read = {"matchh": "match", "matchj": "match", "grindd": "grind", "grinds": "grind", "refundf": "refund"}
    assert {slip: speller.correct(slip) for slip in read} == read


def test_a_form_of_a_common_word_is_no_slip():
    lexicon = Lexicon()
    lexicon.learn("presents flashed looking beans shipping stopped worrying")
    speller = Speller(lexicon, common=lambda word: word in ("pretend", "flag", "hook", "ship", "stop", "worry", "ben"))
    speller.learn()
    for form in ("pretends", "flagged", "hooking", "worried"):
        assert speller.correct(form) == form
    read = {"shiping": "shipping", "stoped": "stopped", "bens": "beans", "pressents": "presents"}
    assert {slip: speller.correct(slip) for slip in read} == read


def test_what_nobody_misspelt_is_left_alone(knowledge: KnowledgeBase):
    for question in ("Wie lange dauert die Lieferung nach Österreich?", "Is it Brabantia?", "SKU KF-2041-X", "zzz qqq"):
        assert all(hit.understood == "" for hit in knowledge.search(question))


def test_a_publish_gives_the_very_scores_of_an_index_built_anew(shop: Engine, encoder: Encoder):
    former = KnowledgeBase(shop, encoder)
    former.refresh()
    publish(shop, replace(SHOP[3], body="A gift card can be used in both shops."), encoder)
    former.refresh()
    anew = KnowledgeBase(shop, encoder)
    anew.refresh()
    for question in ("is my gift card valid in the shop", "return to Germany", "how long"):
        assert [(hit.article_id, hit.score) for hit in former.search(question)] == [
            (hit.article_id, hit.score) for hit in anew.search(question)
        ]


def many_articles(encoder: Encoder, count: int) -> list[IndexedArticle]:
    """Articles of one passage each, at random, along some directions more than along others."""
    generator = np.random.default_rng(3)
    spread = np.linspace(3, 0.2, encoder.dimensions)
    articles = []
    for number in range(count):
        vector = generator.normal(0, spread).reshape(1, -1)
        row = IndexedPassage(number, "passage", "", "", "text", b"", [])
        values = {"id": str(number), "title": "", "category": "", "section": "", "url": "", "version": 1}
        vector = (vector / np.linalg.norm(vector)).astype("<f2")
        bag = Bag.of([])
        articles.append(IndexedArticle(**values, passages=(row,), vectors=vector, bag=bag, title_bag=bag))
    return articles


def share_found(index: Index, rows: range) -> float:
    """How many of the five rows nearest to each of `rows` the index looks at closely."""
    found = 0
    for row in rows:
        wanted = np.argsort(-(index.vectors @ index.vectors[row]))[:5]
        found += len(set(wanted.tolist()) & set(index.nearest(index.vectors[row], 128).tolist()))
    return found / (5 * len(rows))


def test_the_nearest_are_found_among_many(encoder: Encoder):
    index = Index(many_articles(encoder, EXACT_ROWS + 500), encoder.dimensions, 0)
    assert index.coarse is not None
    assert share_found(index, range(0, len(index), 100)) >= 0.95


def test_what_a_former_index_learnt_finds_rows_that_are_new(encoder: Encoder):
    articles = many_articles(encoder, EXACT_ROWS + 1_000)
    former = Index(articles[: EXACT_ROWS + 500], encoder.dimensions, 0)
    index = Index(articles, encoder.dimensions, 0, former.coarse)
    assert index.coarse is former.coarse
    assert share_found(index, range(EXACT_ROWS + 500, len(index), 10)) >= 0.9
