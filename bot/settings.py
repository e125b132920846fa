"""All settings, read once from the environment or `.env`, with the prefix `SWITCHBOARD_`."""

import re
from email.utils import parseaddr
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from kb_index.settings import ROOT, KnowledgeSettings

INSECURE_SECRET_LENGTH = 32


class Settings(KnowledgeSettings):
    """`scripts/run` fills in what has no safe default (the secrets) and keeps it in `var/`."""

    host: str = Field(default="127.0.0.1", description="The address that the web service listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port that the web service listens on.")
    public_url: str = Field(
        default="http://127.0.0.1:8000", description="Where customers and agents reach the web service; no final slash."
    )
    secret_key: SecretStr = Field(description="Signs visitor tokens and sign-ins: 32 characters or more.")
    identity_secret: SecretStr = Field(
        description="Shared with the shop: it signs the identity of its customers with it (JWT, HS256)."
    )
    engine_token: SecretStr = Field(description="Shared between the web service and the engine.")
    engine_url: str = Field(default="http://127.0.0.1:5005", description="Where the engine listens.")
    actions_url: str = Field(
        default="http://127.0.0.1:5055/webhook", description="Where the engine finds the action server."
    )
    engine_timeout_s: float = Field(
        default=8.0, gt=0, le=60, description="How long a turn may take before a person is asked for instead."
    )
    redis_url: str = Field(
        default="", description="`redis://...`: needed once there is more than one web process; empty: in memory."
    )
    allowed_origins: list[str] = Field(
        default=[],
        description='The sites that may show the widget, as a JSON list: ["https://shop.example"]; "*" allows all.',
    )
    bot_name: str = Field(default="Fern", description="The assistant's name in the widget.")
    article_language: str = Field(
        default="en",
        pattern="^[a-z]{2}$",
        description="The articles' language (ISO 639-1); customers who write in another one get a person.",
    )
    demo: bool = Field(
        default=False, description="Serve the demo shop at / and look up its orders (scripts/run sets it)."
    )
    messages_per_minute: int = Field(default=30, ge=1, description="Customer messages a minute and visitor.")
    visitors_per_minute: int = Field(default=60, ge=1, description="New visitors a minute and network address.")
    address_messages_per_minute: int = Field(
        default=300, ge=1, description="Customer messages a minute and network address, over all its visitors."
    )
    address_searches_per_minute: int = Field(
        default=300, ge=1, description="Searches of the help pages a minute and network address, one a pause in typing."
    )
    agent_capacity: int = Field(default=8, ge=1, le=100, description="The chats that an agent may have at a time.")
    priority_plans: list[str] = Field(
        default=[],
        description='Plans whose customers come first, as a JSON list: ["business"] (docs/queue.md).',
    )
    urgent_topics: list[str] = Field(
        default=[],
        description='Categories of articles that are due earlier, as a JSON list: ["payment"] (docs/queue.md).',
    )
    widen_after_s: float = Field(
        default=180, ge=0, le=86_400, description="How long a chat waits for its team, skill or language; then anybody."
    )
    assignment: Literal["pull", "push"] = Field(
        default="pull", description="`pull`: agents take chats; `push`: the desk gives them to who has most room."
    )
    push_timeout_s: float = Field(
        default=60,
        ge=10,
        le=3600,
        description="How long a pushed chat may stay unopened; then the next agent gets it.",
    )
    gone_grace_s: float = Field(
        default=120, ge=0, le=86_400, description="When an agent is gone so long, customers who wait go to the next."
    )
    away_grace_s: float = Field(default=600, ge=0, le=86_400, description="The same for agents who are away.")
    lunch_grace_s: float = Field(default=0, ge=0, le=86_400, description="The same for agents at lunch; 0: at once.")
    trusted_proxies: str = Field(
        default="127.0.0.1", description="Proxies whose X-Forwarded-For is believed, separated by commas."
    )
    log_json: bool = Field(default=False, description="Log lines as JSON instead of for people.")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    secure_cookies: bool = Field(default=False, description="Send sign-in cookies over HTTPS only.")
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description="The server that mails are handed to: `smtp://user:password@host:587` (with STARTTLS) or "
        "`smtps://...`; empty: e-mail is not offered.",
    )
    mail_from: str = Field(
        default="", description="Whom customers see as the sender: `Kettle & Fern <support@kettle.example>`."
    )
    mail_reply_domain: str = Field(
        default="",
        description="The domain of the addresses that replies go to; empty: that of `SWITCHBOARD_MAIL_FROM`.",
    )
    mail_listen: str = Field(
        default="",
        description="Where `python -m bot.cli mail` takes replies by SMTP: `127.0.0.1:2525`; empty: e-mail is not "
        "offered.",
    )
    mail_authserv_id: str = Field(
        default="",
        description="The name under which your mail server writes `Authentication-Results`; mails that it found forged "
        "are refused. Empty: that header is not looked at.",
    )
    data_dir: Path = Field(default=ROOT / "var", description="Where the embedded database and the logs lie.")

    @field_validator("secret_key", "identity_secret", "engine_token")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < INSECURE_SECRET_LENGTH:
            raise ValueError(f"give at least {INSECURE_SECRET_LENGTH} characters")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if value.get_secret_value() and (parts.scheme not in ("smtp", "smtps") or not parts.hostname):
            raise ValueError("write it as smtp://host:port or smtps://host:port")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        address = parseaddr(value)[1]
        if value and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", address):
            raise ValueError("write it as Name <address@domain>")
        return value

    @field_validator("mail_listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        if value and not re.fullmatch(r"(?:[\w.\-]+|\[[0-9a-fA-F:]+\]):\d{1,5}", value):
            raise ValueError("write it as address:port")
        return value

    @property
    def offers_email(self) -> bool:
        """Whether customers can choose e-mail: mails go out, and the replies come in."""
        return bool(self.smtp_url.get_secret_value() and self.mail_from and self.mail_listen)

    @field_validator("public_url", "engine_url")
    @classmethod
    def _no_final_slash(cls, value: str) -> str:
        return value.rstrip("/")
