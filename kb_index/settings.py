"""The few settings that the knowledge base shares with the services around it."""

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "SWITCHBOARD_"


class KnowledgeSettings(BaseSettings):
    """Read from the environment or `.env`, with the prefix `SWITCHBOARD_`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore")

    database_url: str = Field(
        default=f"sqlite:///{ROOT / 'var' / 'switchboard.db'}",
        description="Where everything is stored: `sqlite:///PATH` or `postgresql://...`.",
    )
    encoder_model: str = Field(
        default="switchboard-minilm",
        description="The encoder to export at set-up: `switchboard-minilm` is all-MiniLM-L6-v2 with what it was taught "
        "here (docs/encoder.md); any other name or folder is a sentence-transformers model.",
    )
    encoder_dir: Path = Field(
        default=ROOT / "models" / "encoder",
        description="Where the exported encoder lies.",
    )


def explain(problem: ValidationError) -> str:
    """Which settings cannot be used and why, as one line for a log or a terminal."""
    wrong = problem.errors(include_url=False, include_context=False)
    # What is wrong with a secret is said without the secret.
    return "; ".join(f"{PREFIX}{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in wrong)
