"""Every error this program raises on purpose, one tree.

    ReconcileError
    ├── ConfigError            wrong use or configuration                      exit status 2
    ├── UnreachableError       something needed can't be reached (retried)     exit status 3
    │   ├── KafkaUnreachable
    │   ├── RegistryUnreachable
    │   ├── PostgresUnreachable
    │   └── BrokerUnreachable
    │       └── RateLimited
    ├── RefusedError           reached, and said no: keys, rights, wrong account, schema too new   exit status 2
    │   ├── CredentialsRefused
    │   ├── WrongAccount
    │   ├── SchemaMismatch
    │   │   └── LeftBehind     the database was migrated by a version that this one is too old for
    │   └── DecisionRefused    a decision of a trading program may not be written like that
    │       └── DecisionExists
    ├── FencedError            another owner holds the cursor or the lease: our transaction is rolled back
    ├── SweepIncomplete        a sweep could not read or check all that it had to: it infers nothing (I6)
    ├── BeginAgain             positions of apply no longer hold: leave the group, join again, claim what is assigned
    │   ├── CursorsLost
    │   └── LogReplaced
    ├── IncompleteRead         the broker holds more than its pages can show: nothing may be inferred from what was read
    ├── NotAskable             an id that the broker can't be asked for: nothing follows from it, be it there or not
    ├── Stopped                given up because the program stops
    ├── WireError              bytes of the broker that can't be read as what they should be
    ├── DecodeError            bytes of a Kafka record that can't be decoded (dead letter)
    └── EmbeddedError          the embedded Kafka or Postgres could not be fetched, started or stopped   exit status 3

A message says what happened, to which thing, and what to do about it. No message ever carries a secret or a raw
broker payload.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID


class ReconcileError(Exception):
    """Root of the tree. `exit_status` is what the command line ends with when nothing handles it."""

    exit_status = 1


class ConfigError(ReconcileError):
    """Wrong use or configuration; nothing was changed."""

    exit_status = 2


class UnreachableError(ReconcileError):
    """Something needed does not answer; the jobs retry with capped backoff, commands give up with status 3."""

    exit_status = 3


class KafkaUnreachable(UnreachableError):
    """No Kafka broker answers within the time limit."""


class RegistryUnreachable(UnreachableError):
    """The schema registry does not answer within the time limit."""


class PostgresUnreachable(UnreachableError):
    """Postgres does not accept a connection within the time limit."""


class BrokerUnreachable(UnreachableError):
    """Alpaca does not answer within the time limit."""


class RateLimited(BrokerUnreachable):
    """Alpaca answered 429: too many requests in this window."""


class RefusedError(ReconcileError):
    """The other side was reached and said no; trying again at once would change nothing."""

    exit_status = 2


class CredentialsRefused(RefusedError):
    """The key, secret or password was refused."""


class WrongAccount(RefusedError):
    """The account behind the key is not the one pinned (F6): nothing may be written."""


class SchemaMismatch(RefusedError):
    """Database schema or Kafka topic is not as this version of the program needs it."""


class LeftBehind(SchemaMismatch):
    """The database was migrated so that a version as old as this one can't work with it: a process that runs ends."""


class DecisionRefused(RefusedError):
    """What a trading program wants to say of a decision is not allowed: not its own, unknown, or said otherwise before.

    The transaction has to be rolled back.
    """


class DecisionExists(DecisionRefused):
    """The account has a decision of this client order id already; nothing was written, the transaction is still good.

    `decision_id` and `submitted_at` (None: no submission was noted) are of the one that stands there.
    """

    def __init__(self, message: str, *, decision_id: UUID | None, submitted_at: datetime | None) -> None:
        super().__init__(message)
        self.decision_id = decision_id
        self.submitted_at = submitted_at


class FencedError(ReconcileError):
    """Somebody else owns the cursor or lease now (I4)."""


class SweepIncomplete(ReconcileError):
    """A sweep could not read or check all that it had to; what it found stands, nothing is inferred (I6)."""

    exit_status = 1


class BeginAgain(ReconcileError):
    """What a member of apply holds of its positions is no longer so; it starts again from the database."""


class CursorsLost(BeginAgain):
    """A partition was lost to another member."""


class LogReplaced(BeginAgain):
    """A topic has another id than its cursors: the claim finds out what is gone (F5)."""


class IncompleteRead(ReconcileError):
    """The broker has more than its pages can be made to show; no absence follows from such a read (I6)."""


class NotAskable(ReconcileError):
    """The broker can't be asked for this one id, or does not take it; nothing was said of what it names (I6).

    The message tells why, never the id.
    """


class Stopped(ReconcileError):
    """What was under way was given up because the program stops."""


class WireError(ReconcileError):
    """Bytes of the broker that can't be read as a frame, order or activity.

    `reason` is a short code, fit for a metric label; the message adds the name of the field, never its value.
    """

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{reason}: {field}" if field else reason)
        self.reason = reason
        self.field = field


class DecodeError(ReconcileError):
    """A Kafka record that can't be decoded (I8): it goes to `dead_letters`.

    `reason` is a short code, fit for a metric label, one of `REASONS`; the message never holds the record's bytes.
    """

    REASONS: Final = (
        "empty",  # no value at all
        "magic",  # neither an Avro single object nor Confluent's wire format
        "fingerprint",  # single object of a schema that this version does not have
        "registry",  # schema id that the registry does not have, or a record that needs a registry
        "schema",  # the schema is no version of the one this topic holds
        "truncated",  # the record ends inside a field
        "trailing",  # bytes after the end of the record
        "length",  # a negative length
        "number",  # a number of more than 64 bits
        "utf8",  # text that is not UTF-8
        "implausible",  # decoded, but it names no account
    )

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ClockSetBack(ReconcileError):
    """The wall clock of this machine was set back, and Kafka's client may wait for that long: what runs ends."""

    exit_status = 3


class EmbeddedError(ReconcileError):
    """The embedded Kafka or Postgres could not be fetched, started or stopped."""

    exit_status = 3
