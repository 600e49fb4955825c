"""The OpenAPI document against the running server: schemathesis makes requests of it, right ones and wrong ones, and
holds every answer against what the document says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator

from stream_reconcile.web.api.events import PATH as EVENTS
from stream_reconcile.web.api.openapi import PATH, document
from stream_reconcile.web.api.operations import OPERATIONS
from stream_reconcile.web.api.resources import LISTINGS, SINGLES
from support.site import TOKEN, fill, serving_site

EXAMPLES = 3


def test_the_document_names_every_path_and_each_thing_once() -> None:
    made = document("1.2.3")
    assert set(made["paths"]) == {one.path for one in (*LISTINGS, *SINGLES)} | {EVENTS} | OPERATIONS.keys()
    names = [operation["operationId"] for path in made["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
    for name, schema in made["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("description") or name.startswith("Page"), name
    said = json.dumps(made)
    assert "payload" not in said


@pytest.fixture
def site(database: str) -> Iterator[str]:
    fill(database)
    with serving_site(database) as url:
        yield url


@pytest.mark.timeout(240)
def test_every_answer_is_as_the_document_says(site: str) -> None:
    # Loaded for this test alone: it takes seconds, and every worker collects this file.
    import schemathesis  # noqa: PLC0415 - as said above
    from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method  # noqa: PLC0415

    made: dict[str, Any] = requests.get(site + PATH, timeout=10).json()
    assert made == document("1.2.3")
    schema = schemathesis.openapi.from_dict(made)
    schema.config.update(base_url=site)
    tried: dict[str, set[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path == EVENTS or operation.method.upper() != "GET":
            continue  # one does not end; the others are tried with a real Kafka, by the tests of rewinds

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            answer = case.call(timeout=20)
            # A cursor comes from an answer: one that is made up is refused, well-formed as it may be.
            made_up = [positive_data_acceptance] if "cursor" in case.query else []
            case.validate_response(answer, excluded_checks=[unsupported_method, *made_up])
            tried.setdefault(case.operation.path, set()).add(answer.status_code)

        given(case=operation.as_strategy())(ask)()
    assert tried.keys() == {one.path for one in (*LISTINGS, *SINGLES)}
    assert all(statuses <= {200, 400, 404} for statuses in tried.values())
    assert sum(200 in statuses for statuses in tried.values()) >= 10
    assert TOKEN not in str(made)
