"""The only Python that runs inside Rasa (3.10): channel, featurizer, escalation policy, tuning."""
