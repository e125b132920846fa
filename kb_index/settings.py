"""The few settings that the knowledge base shares with the services around it."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class KnowledgeSettings(BaseSettings):
    """Read from the environment or `.env`, with the prefix `SWITCHBOARD_`."""

    model_config = SettingsConfigDict(env_prefix="SWITCHBOARD_", env_file=".env", extra="ignore")

    database_url: str = Field(
        default=f"sqlite:///{ROOT / 'var' / 'switchboard.db'}",
        description="Where everything is stored: `sqlite:///PATH` or `postgresql://...`.",
    )
    encoder_model: str = Field(
        default="all-MiniLM-L6-v2",
        description="The sentence-transformers model to export at set-up: a name or a folder.",
    )
    encoder_dir: Path = Field(
        default=ROOT / "models" / "encoder",
        description="Where the exported encoder lies.",
    )
