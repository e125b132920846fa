"""The policy that hands a conversation to a person before any rule can say otherwise."""

from typing import Any

from rasa.core.policies.policy import Policy, PolicyPrediction
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker

from bot.escalation.decision import HAND_OVER, decide
from bot.escalation.signals import Signals

ACTION_HAND_OVER = "action_hand_over"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=False)
class EscalationPolicy(Policy):
    """Predicts `action_hand_over` when `bot.escalation.decision` says so, and nothing otherwise.

    The signals come with the message's metadata (the service measures them, it knows the whole
    conversation); intent, confidence and slots come from the tracker.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        # Above RulePolicy's 6: a form or a rule must not outvote a hand-over.
        return {"priority": 10}

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> None:
        super().__init__(config, model_storage, resource, execution_context, featurizer=None)

    def _create_featurizer(self) -> None:
        return None

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "EscalationPolicy":
        return cls(config, model_storage, resource, execution_context)

    def train(
        self,
        training_trackers: list[TrackerWithCachedStates],
        domain: Domain,
        **kwargs: Any,
    ) -> Resource:
        return self._resource

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        action = self._next_action(tracker)
        probabilities = [0.0] * domain.num_actions
        if action is None:
            return self._prediction(probabilities)
        probabilities[domain.index_for_action(action)] = 1.0
        # An open form predicts itself as a "no user" prediction, which overrules all that are none.
        return self._prediction(probabilities, is_no_user_prediction=True)

    @staticmethod
    def _next_action(tracker: DialogueStateTracker) -> str | None:
        if tracker.latest_action_name == ACTION_HAND_OVER:
            return ACTION_LISTEN_NAME
        message = tracker.latest_message
        if tracker.latest_action_name != ACTION_LISTEN_NAME or message is None:
            return None
        decision = decide(
            signals=Signals.from_dict((message.metadata or {}).get("signals") or {}),
            intent=message.intent.get("name"),
            confidence=message.intent.get("confidence") or 0.0,
            failed_answers=int(tracker.get_slot("failed_answers") or 0),
        )
        return ACTION_HAND_OVER if decision.outcome == HAND_OVER else None
