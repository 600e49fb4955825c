"""Which account this is: read from the broker, compared with what is pinned, again and again."""

from __future__ import annotations

import asyncio
import time

import structlog

from stream_reconcile.broker.account import key_fingerprint, read_account_id
from stream_reconcile.core.errors import BrokerUnreachable, CredentialsRefused, ReconcileError, WrongAccount
from stream_reconcile.jobs.ingest.config import IngestConfig
from stream_reconcile.jobs.ingest.database import Database
from stream_reconcile.jobs.ingest.health import IngestHealth
from stream_reconcile.store import accounts

log = structlog.get_logger()


class AccountCheck:
    """Reads and pins. Once an account was found, no other will do for the rest of this object's life."""

    def __init__(self, config: IngestConfig, database: Database, health: IngestHealth) -> None:
        self._health = health
        self._config = config
        self._database = database
        self._fingerprint = key_fingerprint(config.key_id)
        self._expected = config.account_id
        self._confirmed = False
        self._asked_at = 0.0

    async def identify(self) -> str:
        """The account behind the key, pinned.

        While the broker's REST does not answer, finding this key pinned is enough. Raises WrongAccount,
        CredentialsRefused, BrokerUnreachable (and this key is not pinned), PostgresUnreachable, RefusedError.
        """
        try:
            account_id = await self._confirm()
        except BrokerUnreachable as error:
            pinned = await self._pinned()
            if pinned is None:
                raise
            account_id = pinned
            log.warning("account_not_confirmed", account_id=account_id, why=str(error))
        self._expected = account_id
        return account_id

    async def keep_checking(self) -> None:
        """Check for ever; raises WrongAccount when another account is behind the key, or was seen there."""
        timing = self._config.timing
        while True:
            pause_s = timing.account_every_s if self._confirmed else timing.account_unanswered_s
            await asyncio.sleep(max(0.0, self._asked_at + pause_s - time.monotonic()))
            try:
                await self._confirm()
            except WrongAccount:
                raise
            except CredentialsRefused as error:
                self._health.trouble("account", str(error))
            except ReconcileError as error:
                log.info("account_not_checked", why=str(error))
            else:
                self._health.well("account")

    async def _confirm(self) -> str:
        config, fingerprint, expected = self._config, self._fingerprint, self._expected
        try:
            account_id = await asyncio.to_thread(read_account_id, config.base_url, config.key_id, config.secret_key)
        finally:
            self._asked_at = time.monotonic()
        await self._database.call(
            lambda connection: accounts.pin(
                connection, account_id, fingerprint, expected=expected, sole=config.sole_account
            )
        )
        self._confirmed = True
        return account_id

    async def _pinned(self) -> str | None:
        fingerprint, expected = self._fingerprint, self._expected
        return await self._database.call(
            lambda connection: accounts.pinned_by_key(connection, fingerprint, expected=expected)
        )
