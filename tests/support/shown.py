"""Each row of the list of discrepancies with the test that makes it and one that shows that it does not fire falsely.

What the first one saw (when it was found, what resolved it) goes into build/junit.xml as it runs: `make shown` prints
both together.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import psycopg
import pytest
from psycopg.rows import dict_row

from support.servers import SCHEMA

PROPERTY: Final = "discrepancy"


class Shown(NamedTuple):
    """Names of test functions; each is there once in all of the tests."""

    makes: str
    quiet: str


_SUMS: Final = "test_findings_of_a_plain_order"
_RULES: Final = "test_where_an_order_comes_from_is_told_of_the_root_past_the_grace"

SHOWN: Final[dict[str, Shown]] = {
    "ambiguous_submit": Shown(
        "test_a1_an_ambiguous_submit_is_unknown_until_its_order_is_seen",
        "test_a3_another_order_under_a_decisions_client_id_is_not_bound",
    ),
    "not_placed": Shown(
        "test_a2_a_decision_whose_order_never_arrived_and_then_does",
        "test_a1_an_order_that_was_placed_though_the_program_heard_an_error_is_bound",
    ),
    "duplicate_client_id": Shown(
        "test_a3_another_order_under_a_decisions_client_id_is_not_bound",
        "test_an_order_is_bound_by_its_client_order_id",
    ),
    "unrecorded_order": Shown("test_a4_a_decided_order_that_only_sweeps_know", _RULES),
    "external_order": Shown(
        "test_a5_an_order_that_nobody_decided_waits_for_a_person", "test_a5_what_is_made_of_them_is_a_setting"
    ),
    "parameter_drift": Shown(
        "test_a6_terms_that_nobody_asked_for", "test_terms_that_drifted_are_told_once_the_row_is_right"
    ),
    "missing_fill": Shown(
        "test_b1_missing_fills_come_from_the_activities",
        "test_b1_no_proof_while_fills_are_missing_within_their_grace",
    ),
    "unexplained_fill": Shown(
        "test_b2_what_nothing_explains_is_stood_for_until_the_real_fills_come",
        "test_b1_missing_fills_come_from_the_activities",
    ),
    "conflicting_fill": Shown(
        "test_one_execution_with_two_contents_is_a_conflict",
        "test_i2_any_order_duplication_and_split_gives_the_rows_of_the_pure_core",
    ),
    "excess_fill": Shown("test_b7_a_bust_of_a_fill_whose_frame_was_dropped", _SUMS),
    "overfill": Shown("test_an_overfill_stays_for_a_person", "test_calm_weather_gives_no_alarm"),
    "trade_bust": Shown("test_a_bust_is_recorded_and_closes_when_the_sums_agree", "test_calm_weather_gives_no_alarm"),
    "trade_correct": Shown("test_a_correction_reverses_and_stands_in_place", "test_calm_weather_gives_no_alarm"),
    "missed_terminal": Shown(
        "test_c2_an_end_that_the_stream_did_not_tell",
        "test_a_terminal_order_that_is_open_here_is_found_past_its_grace",
    ),
    "stuck_pending": Shown("test_c4_a_cancel_that_stays_pending", "test_chains_legs_and_pending_orders"),
    "missing_at_broker": Shown(
        "test_c5_an_order_that_the_broker_forgets_and_remembers",
        "test_c5_an_order_that_lists_leave_out_is_asked_for",
    ),
    "broken_replace_chain": Shown(
        "test_d1_a_successor_that_is_not_to_be_had", "test_d1_a_successor_that_no_list_shows_is_asked_for"
    ),
    "missing_leg": Shown(
        "test_d4_legs_that_the_stream_did_not_tell",
        "test_an_order_that_is_new_here_has_no_broken_chain_and_no_missing_legs_yet",
    ),
    "position_drift": Shown(
        "test_a_fill_that_only_positions_show_is_a_drift_until_it_is_told", "test_positions_that_lag_are_no_alarm"
    ),
    "corporate_action": Shown(
        "test_a_split_is_recognised_and_counts_once", "test_flow_is_followed_without_alarm_and_proved"
    ),
    "stream_gap": Shown(
        "test_calm_weather_is_proved_and_nothing_is_found",
        "test_a_rewind_behind_the_first_record_loses_nothing_and_opens_no_window",
    ),
    "undecodable": Shown("test_f2_an_unreadable_record_of_an_order", "test_any_text_comes_back_as_it_was"),
    "incomplete_sweep": Shown(
        "test_f3_sweeps_that_can_not_read_everything", "test_calm_weather_is_proved_and_nothing_is_found"
    ),
    "cursor_mismatch": Shown(
        "test_an_older_copy_found_while_running",
        "test_a_rewind_behind_the_first_record_loses_nothing_and_opens_no_window",
    ),
    "retention_loss": Shown(
        "test_records_deleted_before_they_were_applied",
        "test_a_rewind_behind_the_first_record_loses_nothing_and_opens_no_window",
    ),
    "wrong_account": Shown(
        "test_another_account_stops_everything_until_a_person_accepts",
        "test_the_first_account_is_pinned_and_stays",
    ),
}

MISSING: Final = {
    "cancel_fill_race": "core.lifecycle flags the step; nothing opens it yet",
    "impossible_regression": "core.lifecycle flags the step; nothing opens it yet",
    "fill_on_predecessor": "booked on the old order; nothing opens it yet",
    "replace_rejected": "core.lifecycle flags the event; nothing opens it yet",
    "second_writer": "refused and counted (reconcile_apply_second_writer_total); nothing opens it yet",
}
"""Rows of the list that nothing in the program opens."""

_MAKERS: Final = frozenset(shown.makes for shown in SHOWN.values())
_ROWS: Final = "SELECT * FROM discrepancies WHERE first_seen_at >= %s ORDER BY discrepancy_id"


class Recorder:
    """What one test made, by type: the first of each."""

    def __init__(self) -> None:
        self._began = time.time()
        self._acts: list[float] = []
        self.found: dict[str, dict[str, Any]] = {}

    def act(self) -> None:
        """Something was done to the broker, or decided: what is found after it may be found because of it."""
        self._acts.append(time.time())

    def look(self, dsn: str) -> None:
        """Note what stands in a database."""
        began = datetime.fromtimestamp(self._began, UTC)
        options = f"-c search_path={SCHEMA}"
        with psycopg.connect(dsn, options=options, row_factory=dict_row, autocommit=True) as connection:
            for row in connection.execute(_ROWS, [began]).fetchall():
                self.found.setdefault(row["type"], self._told(row))

    def _told(self, row: dict[str, Any]) -> dict[str, Any]:
        first_s = row["first_seen_at"].timestamp()
        cause = max((at for at in self._acts if at <= first_s), default=None)
        ended = row["resolved_at"]
        return {
            "type": row["type"],
            "found_s": None if cause is None else round(first_s - cause, 2),
            "open_s": None if ended is None else round(ended.timestamp() - first_s, 2),
            "state": row["state"],
            "resolution": row["resolution"],
            "by": (row["resolved_by"] or "").split(" ")[0],
        }


@contextmanager
def recording(request: pytest.FixtureRequest, note: Callable[[str, object], None]) -> Iterator[Recorder | None]:
    """For a test that makes rows of the list: what it made becomes a property of its result. None for any other."""
    name = getattr(request.node, "originalname", None) or request.node.name
    if name not in _MAKERS:
        yield None
        return
    # All of the program: not for every test that is run.
    from stream_reconcile import intents  # noqa: PLC0415 - as said above
    from stream_reconcile.simulator.client import Control  # noqa: PLC0415
    from support.http_client import Rest  # noqa: PLC0415
    from support.whole import RUNNING  # noqa: PLC0415

    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        _noting(patch, recorder, Control, "_call", lambda arguments: arguments[1] != "GET")
        _noting(patch, recorder, Rest, "__call__", lambda arguments: arguments[1] != "GET")
        for function in ("record", "mark_submitted"):
            _noting(patch, recorder, intents, function, lambda _arguments: True)
        yield recorder
    for whole in RUNNING:
        recorder.look(whole.dsn)
    for kind, told in recorder.found.items():
        if kind in SHOWN and SHOWN[kind].makes == name:
            note(PROPERTY, json.dumps(told))


def _noting(
    patch: pytest.MonkeyPatch, recorder: Recorder, owner: object, name: str, counts: Callable[[tuple[Any, ...]], bool]
) -> None:
    """Each call is an act, as it begins."""
    original = getattr(owner, name)

    def noted(*arguments: Any, **options: Any) -> Any:
        if counts(arguments):
            recorder.act()
        return original(*arguments, **options)

    patch.setattr(owner, name, noted)
