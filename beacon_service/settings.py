"""Settings come from the environment, under the prefix `BEACON_`, and from nowhere else.

Only what belongs to the installation stands here: where the database is, how many threads, which secret. What
changes a decision (caps, contact policy, thresholds) is configuration in the database, where it has versions.
There is no secret with a default: a service that starts with a well-known key is worse than one that does not start.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads the annotations at run time
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

Positive = Annotated[int, Field(ge=1)]
SecretKey = Annotated[SecretStr, Field(min_length=32)]
RateLimit = Annotated[str, Field(pattern=r"^\d+ ?(/|per) ?(second|minute|hour|day)$")]


class IdentityKey(BaseModel):
    """What the brand's backend signs identity tokens with: a shared secret, or the public key of a pair."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    alg: Literal["HS256", "RS256", "ES256", "EdDSA"]
    key: SecretStr

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        """RFC 7518, 3.2: a shared secret is at least as long as the hash."""
        if self.alg == "HS256" and len(self.key.get_secret_value().encode()) < 32:
            message = "a shared secret for HS256 has at least 32 bytes"
            raise ValueError(message)
        return self


class SettingsError(Exception):
    """The environment does not describe a service that could start."""


class DatabaseSettings(BaseSettings):
    """What a command needs that touches only the database: migrate, backup, restore."""

    model_config = SettingsConfigDict(
        env_prefix="BEACON_", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: str | None = Field(
        default=None,
        description="Address of the PostgreSQL database with PostGIS, such as postgresql://beacon@db/beacon. "
        "Unset: the service starts and uses a private cluster of its own.",
    )
    cluster_dir: Path | None = Field(
        default=None,
        description="Where the private cluster lives. Unset: var/cluster in the checkout, or a directory "
        "under /var/lib/beacon-service when run as root.",
    )
    allow_unsafe_database: bool = Field(
        default=False,
        description="1 starts even though fsync, full_page_writes or synchronous_commit is off. "
        "For throw-away test databases only: a crash loses what was answered as accepted.",
    )
    lock_timeout_s: Positive = Field(
        default=10, description="Seconds to wait for a row lock before the request is answered 503."
    )
    statement_timeout_s: Positive = Field(
        default=30, description="Seconds that one SQL statement of a request may take."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line to write."
    )

    @field_validator("database_url")
    @classmethod
    def _spell_the_driver(cls, url: str | None) -> str | None:
        """Accept the usual `postgresql://` and name the driver; SQLAlchemy would guess another one."""
        if url is None:
            return None
        try:
            parsed = make_url(url)
        except ArgumentError:
            message = "is not a database address; write postgresql://user:password@host/database"
            raise ValueError(message) from None
        if parsed.drivername not in {"postgres", "postgresql", "postgresql+psycopg"}:
            message = "must name a PostgreSQL database: postgresql://user:password@host/database"
            raise ValueError(message)
        return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)

    @classmethod
    def load(cls) -> Self:
        """Read the environment; every error of it in one sentence."""
        try:
            return cls()
        except ValidationError as error:
            raise SettingsError(explain(error)) from None
        except UnreadableError:  # of the only setting that is written as JSON
            raise SettingsError("BEACON_IDENTITY_KEYS: it is not valid JSON") from None


class Settings(DatabaseSettings):
    """What the web service and the worker need."""

    identity_keys: tuple[IdentityKey, ...] = Field(
        default=(),
        description='Keys of identity tokens, as JSON: [{"alg": "ES256", "key": "-----BEGIN ..."}]; '
        "alg is HS256 (key: the shared secret), RS256, ES256 or EdDSA (key: the public key as PEM). Several "
        "while one replaces another. Unset: installations are identified with a secret key only.",
    )
    secret_key: SecretKey | None = Field(
        default=None,
        description="What the service derives secrets from, such as those of webhooks: at least 32 characters, the "
        "same for all its processes, kept for good, since another one is another secret for each webhook. Unset: "
        "there can be no webhooks.",
    )
    webhook_networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description='Networks that webhooks may reach though they are not public, as JSON: ["10.20.0.0/16"]; there '
        "also by http. Unset: public addresses only, and https only.",
    )
    delivery_ca_file: Path | None = Field(
        default=None,
        description="Certificates, as PEM, that receivers of messages may be known by beside those the system trusts.",
    )
    fcm_credentials_file: Path | None = Field(
        default=None, description="The service account's JSON file, for push by Firebase Cloud Messaging."
    )
    fcm_url: str = Field(default="https://fcm.googleapis.com", description="Where FCM answers.")
    apns_key_file: Path | None = Field(default=None, description="The .p8 file of the key, for push by APNs.")
    apns_key_id: str | None = Field(default=None, description="That key's id, of ten characters.")
    apns_team_id: str | None = Field(default=None, description="The Apple developer team that it belongs to.")
    apns_topic: str | None = Field(default=None, description="The bundle id of the app that is sent to.")
    apns_url: str = Field(
        default="https://api.push.apple.com",
        description="Where APNs answers; https://api.sandbox.push.apple.com for apps in development.",
    )
    web_push_key_file: Path | None = Field(
        default=None, description="A P-256 key as PEM, for Web Push; browsers subscribe with its public half."
    )
    web_push_subject: str | None = Field(
        default=None,
        description="Where push services can reach whoever runs this: mailto:... or https://...",
    )
    web_push_networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description='Networks of push services of your own, as JSON: ["10.30.0.0/16"]. Whoever registers a browser '
        "names its push service, so public addresses only are reached beside these.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on.")
    server: Literal["granian", "gunicorn"] = Field(
        default="granian", description="HTTP server that carries the application."
    )
    web_processes: Positive = Field(default=1, description="Web processes; about one for each core.")
    web_threads: Positive = Field(
        default=128,
        description="Requests that may be at work or wait their turn in each web process at once; what comes beyond is "
        "refused. Pings wait without a thread, except with gunicorn; all others have one each.",
    )
    web_connections: Positive = Field(
        default=900,
        description="Clients' connections that a web process holds at once, idle ones among them; what comes beyond "
        "waits in the system's queue. Below the files that a process may open (ulimit -n).",
    )
    database_connections: Positive = Field(
        default=32,
        description="Connections to the database that a web process keeps; at most twice as many at once. Pings "
        "need three.",
    )
    ping_wait_target_ms: Positive = Field(
        default=500,
        description="Milliseconds that pings may have to wait for their turn for long; while it is more, some are "
        "answered 503.",
    )
    ping_wait_limit_ms: Positive = Field(
        default=2_000,
        description="Milliseconds that a ping waits for its turn at most, before it is answered 503.",
    )
    graceful_stop_s: Positive = Field(
        default=30, description="Seconds that a stopping web process gives the requests it has accepted."
    )
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        description="Reverse proxies in front of the service, whose X-Forwarded-For is believed.",
    )
    max_body_bytes: Positive = Field(
        default=4_000_000,
        description="Largest body of pings, after decompression. A ping with ten sightings takes about 1 kB.",
    )
    max_document_bytes: Positive = Field(
        default=2_097_152,
        description="Largest body of an edit, after decompression; a polygon of 10 000 vertices takes 0.4 MB.",
    )
    max_import_bytes: Positive = Field(
        default=8_388_608, description="Largest body of an import, after decompression."
    )
    # A step draws a thousand numbers for its causes; more would overlap with the next step's.
    max_pings_per_request: Annotated[int, Field(ge=1, le=1_000)] = Field(
        default=1_000, description="Most pings in one request, over all its batches; 1000 at most."
    )
    rate_limit_key: RateLimit = Field(
        default="5000/second", description="Requests that one API key may make."
    )
    rate_limit_address: RateLimit = Field(
        default="60000/minute",
        description="Requests with a publishable key from one network address; a whole mall may share one.",
    )
    rate_limit_installation: RateLimit = Field(
        default="240/minute", description="Requests that one installation may make."
    )
    rate_limit_registration: RateLimit = Field(
        default="600/minute", description="Registrations of installations from one network address."
    )
    rate_limit_code_guesses: RateLimit = Field(
        default="60/minute",
        description="Codes that do not exist which one key, or one network address, may ask for at the till.",
    )
    retention_days: Positive = Field(
        default=30, description="Days after which raw pings and the evidence in decisions are deleted."
    )
    worker_tick_ms: int = Field(
        default=250,
        ge=50,
        le=900,
        description="Milliseconds between looks for due timers; below a second, since a dwell may be at most "
        "a second late.",
    )


def libpq_url(url: str) -> str:
    """The address as PostgreSQL's own library and programs spell it, without SQLAlchemy's driver."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def explain(error: ValidationError) -> str:
    """All that is wrong with the environment in one line, each by the variable's name."""
    return "; ".join(
        f"BEACON_{str(problem['loc'][0] if problem['loc'] else '').upper()}: "
        + problem["msg"].removeprefix("Value error, ")
        for problem in error.errors(include_input=False)
    )
