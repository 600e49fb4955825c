"""Settings of one account, and what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from stream_reconcile import config_sources as sources
from stream_reconcile import config_values as values

PAPER_URL = "https://paper-api.alpaca.markets"

BrokerUrl = Annotated[str, AfterValidator(values.broker_url)]
AccountId = Annotated[str, AfterValidator(values.account_id)]


class Account(BaseModel):
    """One Alpaca account to reconcile: where its API is, the key to it, and which account must be behind the key."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)

    name: Annotated[str, Field(min_length=1)] = "default"
    key: SecretStr
    secret: SecretStr
    base_url: BrokerUrl = PAPER_URL
    account_id: AccountId | None = None

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, data: Any) -> Any:
        return sources.with_secret_files(data, ("key", "secret"), suffix="_file") if isinstance(data, Mapping) else data

    @property
    def stream_url(self) -> str:
        """Address of the `trade_updates` websocket: https → wss, http → ws, path `/stream`."""
        return values.stream_url(self.base_url)


class Address(NamedTuple):
    """Host and port to listen on; port 0 takes a free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return values.is_loopback(self.host)
