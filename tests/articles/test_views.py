"""The studio and the help pages through the web service."""

import re

import pytest
from bs4 import BeautifulSoup

from bot.articles.text import MAX_BODY
from bot.articles.views import MOST_LISTED
from bot.dialogue.scripted import ScriptedEngine, echo
from tests.articles.test_rendering import ATTACKS, offences
from tests.people import add_people, signed_in, visitor
from tests.service import running

HTMX = {"HX-Request": "true"}


@pytest.fixture
def service(db_url):
    add_people(db_url, "aoife", "sam")
    with running(db_url, ScriptedEngine(echo), demo=False) as running_service:
        yield running_service


def new_article(client, title="Engraving"):
    answer = client.post("/studio", data={"title": title, "category": "products"})
    assert answer.status_code == 303
    return answer.headers["location"].removeprefix("/studio/")


def fields(client, article_id, **changed):
    """What the editor's form would send."""
    page = BeautifulSoup(client.get(f"/studio/{article_id}").text, "html.parser").find(id="sb_editor")
    values = {tag["name"]: tag["value"] for tag in page.find_all("input", {"name": True})}
    values |= {tag["name"]: tag.get_text() for tag in page.find_all("textarea", {"name": True})}
    return {**values, **changed}


def publish(client, title, body):
    article_id = new_article(client, title)
    answer = client.post(f"/studio/{article_id}/publish", data=fields(client, article_id, body=body), headers=HTMX)
    assert answer.status_code == 200, answer.text
    return article_id


def test_an_empty_house_says_what_to_do(service):
    with signed_in(service, "aoife") as aoife, visitor(service) as anybody:
        assert "No articles yet" in aoife.get("/studio").text
        assert "Nothing here yet" in anybody.get("/help").text


def test_a_long_category_is_opened_by_who_wants_all_of_it(service):
    with signed_in(service, "aoife") as aoife, visitor(service) as anybody:
        number = MOST_LISTED + 3
        for at in range(number):
            publish(aoife, f"Article {at:02}", "Two days.")
        page = BeautifulSoup(anybody.get("/help").text, "html.parser")
        assert page.select_one(".topics details") is None and len(page.select(".topics a")) == number
        publish(aoife, f"Article {number:02}", "Two days.")
        page = BeautifulSoup(anybody.get("/help").text, "html.parser")
        assert page.select_one(".topics summary").get_text() == "4 more in Products"
        assert [link.get_text() for link in page.select(".topics a")] == [
            f"Article {at:02}" for at in range(number + 1)
        ]
        assert len(page.select(".topics details a")) == 4


def test_an_article_from_the_first_word_to_the_help_page_and_back(service):
    with signed_in(service, "aoife") as aoife, visitor(service) as anybody:
        article_id = new_article(aoife)
        assert article_id == "engraving"
        form = fields(aoife, article_id, body="## How long\n\nTwo days.", questions="Can you engrave it?")
        saved = aoife.post(f"/studio/{article_id}/draft", data=form, headers=HTMX)
        assert saved.status_code == 200 and "Draft saved" in saved.text
        assert anybody.get(f"/help/{article_id}").status_code == 404
        published = aoife.post(f"/studio/{article_id}/publish", data=fields(aoife, article_id), headers=HTMX)
        assert "Published as version 1" in published.text
        page = anybody.get(f"/help/{article_id}")
        assert '<h2 id="how-long">How long</h2>' in page.text and "Two days." in page.text
        assert f'href="/help/{article_id}"' in anybody.get("/help").text
        aoife.post(f"/studio/{article_id}/archive")
        assert anybody.get(f"/help/{article_id}").status_code == 404
        assert aoife.post(f"/studio/{article_id}/versions/1/restore").status_code == 303
        assert "Two days." in anybody.get(f"/help/{article_id}").text
        assert "Version 2" in aoife.get(f"/studio/{article_id}").text
        assert "Two days." in aoife.get(f"/studio/{article_id}/versions/1").text


def test_finding_articles_by_words_as_they_are_typed(service):
    with signed_in(service, "aoife") as aoife:
        publish(aoife, "Refund times", "Five working days.")
        publish(aoife, "Opening hours", "Nine to five.")
        found = aoife.get("/studio?q=refund", headers=HTMX).text
        assert "Refund times" in found and "Opening hours" not in found and "<html" not in found
        assert "Nothing found" in aoife.get("/studio", params={"q": "%\0_'", "status": "x"}).text


def test_a_stale_save_keeps_both_texts(service):
    with signed_in(service, "aoife") as aoife, signed_in(service, "sam") as sam:
        article_id = new_article(aoife)
        mine, theirs = (fields(client, article_id, body=f"Text of {client is sam}") for client in (aoife, sam))
        assert sam.post(f"/studio/{article_id}/draft", data=theirs, headers=HTMX).status_code == 200
        conflict = aoife.post(f"/studio/{article_id}/draft", data=mine, headers=HTMX)
        assert conflict.status_code == 409
        assert conflict.headers["hx-retarget"] == "#sb_conflict"
        assert "Text of True" in conflict.text
        whole = aoife.post(f"/studio/{article_id}/draft", data=mine)
        assert whole.status_code == 409 and "Text of True" in whole.text and "Text of False" in whole.text
        token = {
            name: BeautifulSoup(conflict.text, "html.parser").find(class_="conflict")[f"data-{name.replace('_', '-')}"]
            for name in ("revision", "base_version")
        }
        assert aoife.post(f"/studio/{article_id}/draft", data={**mine, **token}, headers=HTMX).status_code == 200
        assert fields(aoife, article_id)["body"] == "Text of False"


def test_scripts_in_an_article_come_out_harmless_in_preview_editor_and_help_page(service):
    body = "\n\n".join(ATTACKS)
    title = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    with signed_in(service, "aoife") as aoife, visitor(service) as anybody:
        article_id = publish(aoife, title, body)
        preview = aoife.post("/studio/preview", data={"title": title, "body": body}, headers=HTMX)
        pages = {
            "preview": preview,
            "help": anybody.get(f"/help/{article_id}"),
            "version": aoife.get(f"/studio/{article_id}/versions/1"),
            "editor": aoife.get(f"/studio/{article_id}"),
        }
        for name, answer in pages.items():
            assert answer.status_code == 200
            assert title not in answer.text, name
            policy = answer.headers["content-security-policy"]
            assert "script-src 'self';" in policy and "unsafe" not in policy, name
            shown = BeautifulSoup(answer.text, "html.parser").find("article", class_="prose")
            if shown:
                assert list(offences("".join(map(str, shown.contents)))) == [], name
        editor = BeautifulSoup(pages["editor"].text, "html.parser")
        assert editor.find(id="sb_body").get_text().strip() == body.strip()
        scripts = [tag for tag in editor.find_all("script") if not tag.get("src", "").startswith("/static/")]
        assert scripts == []


def test_the_longest_article_is_taken_and_a_longer_one_told_its_limit(service):
    with signed_in(service, "aoife") as aoife:
        article_id = new_article(aoife)
        form = fields(aoife, article_id, body="ü\U0001f375 " * (MAX_BODY // 3))
        assert aoife.post(f"/studio/{article_id}/draft", data=form, headers=HTMX).status_code == 200
        assert len(fields(aoife, article_id)["body"]) > MAX_BODY - 5
        for path in (f"/studio/{article_id}/draft", "/studio/preview"):
            answer = aoife.post(path, data={**form, "body": "x" * (MAX_BODY + 1)}, headers=HTMX)
            assert answer.status_code == 400 and "200,000 are the limit" in answer.text, path
        assert aoife.post("/studio/preview", data={"body": "x" * 5_000_000}).status_code == 413


def test_strange_addresses_are_not_found(service):
    with signed_in(service, "aoife") as aoife:
        for article_id in ("nope", "%00", "x" * 81, "-x", "a b", "a%5Cb"):
            for path in (f"/help/{article_id}", f"/studio/{article_id}", f"/studio/{article_id}/versions/1"):
                assert aoife.get(path).status_code == 404, path
        for path in ("draft", "publish", "archive", "versions/1/restore"):
            assert aoife.post(f"/studio/nope/{path}", data={"title": "x", "body": "y"}).status_code in (404, 409), path


def test_help_pages_are_for_everybody_and_the_studio_for_writers(service):
    with visitor(service) as anybody:
        assert anybody.get("/help").status_code == 200
        assert anybody.get("/studio").headers["location"] == "/sign-in?next=/studio"
        for path in ("/studio", "/studio/preview", "/studio/x/publish"):
            assert anybody.post(path, data={"title": "x"}).status_code == 401, path


def found(client, words, **headers):
    page = client.get("/help", params={"q": words}, headers=headers)
    assert page.status_code == 200, page.text
    soup = BeautifulSoup(page.text, "html.parser")
    return [each["href"] for each in soup.select(".hits a")], soup.get_text(" ", strip=True)


def test_the_help_pages_find_an_article_by_words_that_it_does_not_have(service):
    with signed_in(service, "aoife") as aoife, visitor(service) as anybody:
        publish(aoife, "Change the delivery address", "# Before we ship\n\nOpen the order and choose another address.")
        publish(aoife, "Gift cards", "Valid for three years.")
        addresses, text = found(anybody, "i moved, my parcel goes to the old flat")
        assert addresses[0] == "/help/change-the-delivery-address#before-we-ship"
        assert "choose another address" in text
        addresses, text = found(anybody, "giftt cards")
        assert addresses[0] == "/help/gift-cards" and "Understood as “ gift cards ”" in text
        assert "Nothing here is clearly about that" in found(anybody, "who won the world cup in 1954")[1]
        publish(aoife, "Engraving", "We engrave kettles.")
        assert found(anybody, "can you engrave my name")[0][0] == "/help/engraving", "what was just published"


def test_a_search_answers_with_a_page_or_with_the_part_of_it_that_changes(service):
    with signed_in(service, "aoife") as aoife, visitor(service) as anybody:
        publish(aoife, "Gift cards", "Valid for three years.")
        assert "<html" in anybody.get("/help", params={"q": "vouchers"}).text
        part = anybody.get("/help", params={"q": "vouchers"}, headers=HTMX).text
        assert "<html" not in part and "/help/gift-cards" in part
        for nothing in ("", "  ", "g"):
            part = anybody.get("/help", params={"q": nothing}, headers=HTMX).text
            assert "topics" in part and "hits" not in part, "what says nothing shows all topics"


def _tags(html):
    """The kinds of tags with the names of their attributes."""
    found = BeautifulSoup(html, "html.parser").find_all(True)
    return {tag.name for tag in found} | {f"{tag.name} {name}" for tag in found for name in tag.attrs}


def test_what_is_searched_for_is_shown_as_it_is_and_bounded(service):
    with signed_in(service, "aoife") as aoife, visitor(service) as anybody:
        publish(aoife, "Gift cards", "Valid for <b>three</b> years & a day.")
        harmless = _tags(anybody.get("/help", params={"q": "gift cards"}).text)
        for attack in ATTACKS:
            page = anybody.get("/help", params={"q": attack[:300]}).text
            assert _tags(page) <= harmless | {"bdi"}, attack
        for odd in ("\0", "%00", "\ud800".encode("utf-8", "surrogatepass"), "🎁" * 100, "?!" * 100):
            assert anybody.get("/help", params={"q": odd}).status_code == 200
        assert anybody.get("/help", params={"q": "x" * 301}).status_code == 400


def test_one_address_may_only_search_so_often(db_url):
    with running(db_url, ScriptedEngine(echo), demo=False, address_searches_per_minute=2) as service:
        with visitor(service) as anybody:
            answers = [anybody.get("/help", params={"q": "gift cards"}, headers=HTMX) for _ in range(3)]
            assert [each.status_code for each in answers] == [200, 200, 429]
            assert "Please wait" in answers[2].text and answers[2].headers["HX-Retarget"] == "#sb_notices"
            assert anybody.get("/help").status_code == 200


def test_static_files_are_there_under_addresses_that_change_with_them(service):
    with visitor(service) as anybody:
        page = anybody.get("/help").text
        files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
        assert files and all("?v=" in file for file in files)
        assert all(anybody.get(file).status_code == 200 for file in files)
