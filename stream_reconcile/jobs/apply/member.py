"""The apply job: sessions, one after another, until told to stop. Nothing is lost between two: the position of each is
what Postgres says (I3)."""

from __future__ import annotations

import gc
import random
import sys
import time
import uuid
from collections.abc import Callable
from typing import Final

import psycopg
import structlog

from stream_reconcile.core.errors import BeginAgain, ReconcileError, RefusedError
from stream_reconcile.jobs.apply.config import AUTO_PROTOCOL, ApplyConfig, Report
from stream_reconcile.jobs.apply.session import Session
from stream_reconcile.log.codec import Codec
from stream_reconcile.log.consumer import CLASSIC_PROTOCOL, CONSUMER_PROTOCOL, OffsetsGone, ProtocolUnsupported
from stream_reconcile.metrics import ApplyMetrics
from stream_reconcile.store.failures import is_transient

log = structlog.get_logger()

FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 10.0
REFUSED_DELAY_S: Final = 30.0
SETTLED_S: Final = 30.0
GARBAGE_THRESHOLD: Final = 200_000
"""Objects made before the youngest generation is looked through; Python's own is 700."""

SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread of Python may go on while another waits to; Python's own is 5 ms."""


def tune_interpreter() -> None:
    """Settings of the whole process that suit large batches."""
    # A batch is tens of thousands of tuples without cycles: looking through them for garbage took a sixth of the time.
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)
    # The thread that writes waits for Postgres a dozen times a batch, and each time for the thread that decodes, too.
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def run_apply(
    config: ApplyConfig,
    new_codec: Callable[[], Codec],
    metrics: ApplyMetrics,
    report: Report = lambda _ready, _why: None,
) -> None:
    """Apply until `config.stop` is set.

    What can't be reached is tried again with capped, jittered backoff; what refuses us every 30 s; both show through
    `report`. Raises what is neither: a mistake of ours, not to be hidden by trying again.
    """
    tune_interpreter()
    owner = f"apply-{uuid.uuid4()}"
    protocol = CONSUMER_PROTOCOL if config.protocol == AUTO_PROTOCOL else config.protocol
    failures = 0
    while not config.stop.is_set():
        begun = time.monotonic()
        try:
            with Session(config, new_codec(), metrics, report, owner=owner, protocol=protocol) as session:
                session.run(config.stop)
            continue
        except ProtocolUnsupported as error:
            if config.protocol != AUTO_PROTOCOL:
                raise
            log.info("classic_group_protocol", why=str(error))
            protocol = CLASSIC_PROTOCOL
            continue
        except (BeginAgain, OffsetsGone) as error:
            log.warning("apply_begins_again", why=str(error))
            why, longest = str(error), LONGEST_DELAY_S
        except RefusedError as error:
            why, longest = str(error), REFUSED_DELAY_S
        except ReconcileError as error:
            why, longest = str(error), LONGEST_DELAY_S
        except psycopg.Error as error:
            if not is_transient(error):
                raise
            why, longest = f"Postgres failed ({type(error).__name__})", LONGEST_DELAY_S
        report(False, why)
        failures = 0 if time.monotonic() - begun > SETTLED_S else failures + 1
        delay = longest if longest == REFUSED_DELAY_S else min(longest, FIRST_DELAY_S * 2**failures)
        log.warning("apply_session_ended", why=why, retry_in_s=round(delay, 1))
        config.stop.wait(random.uniform(delay / 2, delay))  # noqa: S311 - jitter
