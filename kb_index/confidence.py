"""How sure a search is of an article, as a number that can be read as a probability."""

import math

# A logistic over what the best article's score is made of, fitted on two public question sets, the demo
# shop's own and questions about other things: from .5 on the article is more likely right than wrong.
INTERCEPT = -4.8
MEANING = 8.0
WORDS = 1.1
MARGIN = 8.0
TITLE_COUNTS = 0.8  # a question so near to a title still needs some support from the text
MAX_MARGIN = 0.3  # beyond it the runner-up is simply about something else


def confidence(passage: float, title: float, lexical: float, margin: float) -> float:
    """Return from 0 to 1 how likely an article answers a question.

    `passage` and `title` are cosines, `lexical` the share of the question's words that the passage has, and
    `margin` the distance of the article's combined score to that of the best other article, negative behind it.
    """
    meaning = max(passage, TITLE_COUNTS * title)
    lead = min(max(margin, -MAX_MARGIN), MAX_MARGIN)
    logit = INTERCEPT + MEANING * meaning + WORDS * lexical + MARGIN * lead
    return 1 / (1 + math.exp(-logit))
