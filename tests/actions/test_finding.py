"""What is left after articles that were not it, and what a conversation's category tells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.finding import fuse, kindred, next_best, without
from kb_index.search import Hit


def hit(article_id, score, combined=1.0, category=""):
    return Hit(article_id, "", "", score, lambda: None, category, {"combined": combined})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.integers(0, 12))
def test_chances_of_what_is_left_stay_chances_and_in_order(scores, shown):
    hits = [hit(str(place), score) for place, score in enumerate(sorted(scores, reverse=True))]
    left = without(hits, [str(place) for place in range(shown)])
    assert [each.article_id for each in left] == [each.article_id for each in hits[shown:]]
    assert all(0 <= each.score <= 1 for each in left) and sum(each.score for each in left) <= 1
    assert [each.score for each in left] == sorted((each.score for each in left), reverse=True)


def test_ruling_out_the_likeliest_makes_the_next_likelier():
    (left,) = without([hit("a", 0.6), hit("b", 0.3)], ["a"])
    assert left.article_id == "b" and left.score > 0.3


@pytest.mark.parametrize(("nearness", "expected"), [(0.2, ["b", "c"]), (0.5, ["b"]), (0.9, [])])
def test_the_next_best_is_as_near_to_the_question_as_asked_for(nearness, expected):
    hits = [hit("a", 0.99, 2.0), hit("b", 0.001, 1.6), hit("c", 0.001, 0.6)]
    assert [each.article_id for each in next_best(hits, ["a"], nearness)] == expected


def test_nothing_is_next_best_where_nothing_was_found():
    assert next_best([], ["a"], 0.5) == []


def test_only_articles_of_the_category_in_question_become_likelier():
    same, other = kindred([hit("a", 0.4, category="payment"), hit("b", 0.4, category="shipping")], "payment")
    assert same.score > 0.4 == other.score
    assert kindred([hit("a", 0.4)], "")[0].score == 0.4


def test_a_part_of_a_question_is_sure_of_nothing_by_itself():
    # "How much is shipping to France?", "and to Canada?": alone it finds the list of countries, behind it the prices.
    alone = [hit("countries", 0.95), hit("plugs", 0.05)]
    behind = [hit("prices", 0.6), hit("countries", 0.3)]
    assert fuse(alone, behind, 2.0, "", modifier=True)[0].article_id == "prices"
    assert fuse(alone, behind, 2.0, "")[0].article_id == "countries"
