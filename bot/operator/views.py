"""`/operator/answers`: type a message, see what becomes of it and why."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from bot.accounts import access
from bot.accounts.services import OPERATOR, Account
from bot.conversations.text import MAX_TEXT
from bot.dialogue.languages import NAMES
from bot.operator.explaining import INTENTS
from bot.pages import is_partial, page

# Two messages of 4,000 characters, each at most some 12 bytes once a form has encoded it.
MAX_BODY = 128 * 1024

router = APIRouter(dependencies=[Depends(access.same_site)], include_in_schema=False, max_body_size=MAX_BODY)

Operator = Annotated[Account, Depends(access.require(OPERATOR))]


@router.get("/operator/answers")
async def answers(request: Request, account: Operator) -> Response:
    return page(request, "operator/answers.html", {"account": account, **_nothing(request)})


@router.post("/operator/answers")
async def explain(
    request: Request,
    account: Operator,
    text: Annotated[str, Form(max_length=2 * MAX_TEXT)] = "",
    before: Annotated[str, Form(max_length=2 * MAX_TEXT)] = "",
) -> Response:
    """What is typed here may be a customer's: it is in the body, not in an address that logs keep."""
    explanation = await request.app.state.inspector.explain(text, before)
    template = "operator/explanation.html" if is_partial(request) else "operator/answers.html"
    context = {**_nothing(request), "text": text, "before": before, "explanation": explanation}
    return page(request, template, {"account": account, **context})


def _nothing(request: Request) -> dict[str, object]:
    inspector = request.app.state.inspector
    return {
        "text": "",
        "before": "",
        "explanation": None,
        "thresholds": inspector.thresholds,
        "articles_language": inspector.languages.articles,
        "languages": NAMES,
        "intents": INTENTS,
        "max_text": MAX_TEXT,
    }
