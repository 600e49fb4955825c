"""What each target begins with: good input of every shape, and words that mean something to it."""

from __future__ import annotations

import json

from fuzz import own_targets, wire_targets
from fuzz.own_targets import CANARY
from stream_reconcile.core.lifecycle import EVENTS, STATUSES
from stream_reconcile.log.codec import Envelope
from support.wire_data import ACCOUNT, activity_json, frame, order_json, update_json

_POSITION = {"asset_id": "a", "symbol": "AAPL", "asset_class": "us_equity", "qty": "2.5", "side": "long",
             "avg_entry_price": "100.000000001", "market_value": "", "current_price": 12}  # fmt: skip
_LEG = {
    "execution_id": "e",
    "order_id": "o",
    "qty": "1",
    "price": "2",
    "symbol": "A",
    "timestamp": "2026-09-18T13:24:50Z",
}


def seeds(target: str) -> list[bytes]:
    """Good input."""
    return {
        "frame": _frames,
        "order": _orders,
        "activity": _activities,
        "holding": lambda: [_json([_POSITION] * 2), _json(_POSITION), _json(_ACCOUNT), b"[]"],
        "record": _records,
        "body": _bodies,
        "settings": _settings,
        "query": _queries,
    }[target]()


WORDS = [
    *(word.encode() for word in (*sorted(EVENTS), *sorted(STATUSES))),
    *(
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'""',
        b"NaN",
        b"Infinity",
        b"1e400",
        b"-0",
        b"1_0",
        b"\\u0000",
        b"\\ud800",
        b"\\N",
    ),
    *(b"\x00", b"\xff", b"\xc3\x01", b"[" * 2000, b'{"a":' * 500, b"9" * 400, b"2026-02-30T00:00:00Z", b"0001-01-01"),
    *(b"9999-12-31T23:59:59.999999999Z", b"2026-09-18T13:24:50.019957863-04:00", b'"legs":', b'"order":', b"\t", b"\n"),
    *(CANARY.encode(), b"~nobody_at_all/x", b"[::1]:0", b"%", b"@", b"---\n", b"_FILE=", b"=", b"https://", b":99999"),
]


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


_ACCOUNT = {"id": "account-1", "status": "ACTIVE", "cash": "-23140.2", "multiplier": 4, "trading_blocked": False}


def _frames() -> list[bytes]:
    fill = {"execution_id": "x-1", "qty": "4", "price": "2.5", "position_qty": "4"}
    busted = fill | {"previous_execution_id": "x-0"}
    parent = order_json(id="p", legs=[order_json(id=f"l-{n}", ratio_qty=n) for n in (1, 2)])
    return [
        *(frame(event, **fill) for event in ("new", "fill", "partial_fill", "brand_new")),
        *(frame(event, **busted) for event in ("trade_bust", "trade_correct")),
        frame("fill", parent, legs=[_LEG, _LEG], **fill),
        frame("new", order_json(brand_new={"a": [1.5]})),
        _json(update_json("fill", **fill)),  # without the message round it
        b'{"stream":"authorization","data":{"action":"authenticate","status":"unauthorized"}}',
        b'{"stream":"listening","data":{"streams":["trade_updates"]}}',
        b'{"stream":"trade_updates","data":null}',
        b'{"action":"error","data":{"error_message":"internal server error"}}',
        b"\x01",
    ]


def _orders() -> list[bytes]:
    legs = [order_json(id=f"l-{n}", ratio_qty=str(n)) for n in (1, 2)]
    return [
        _json(order_json()),
        _json(order_json(status="filled", filled_qty="10", filled_avg_price="0.25", brand_new=1)),
        _json(order_json(legs=legs, order_class="mleg")),
        _json(order_json(updated_at=..., limit_price=187.5)),
    ]


def _activities() -> list[bytes]:
    adjustment = {"kind": "residual", "order_id": "o", "qty": "1", "price": "1", "key": "k",
                  "as_of": "2026-09-18T13:24:50Z", "explained_from": "1"}  # fmt: skip
    return [
        _json(activity_json()),
        _json(activity_json(type="fill", side="sell_short", price="0.0000001")),
        _json({"id": "20260918::1", "activity_type": "SPLIT", "symbol": "AAPL", "qty": "-3", "date": "2026-09-18"}),
        _json(adjustment),
    ]


def _records() -> list[bytes]:
    codec, topics = wire_targets.CODEC, wire_targets.TOPICS
    made = [
        codec.encode(
            topic, Envelope(ACCOUNT, "3d1f0b52", position, 1_763_884_800_123_456_789, source, event, "o" * 36, raw)
        )
        for topic, source, raw in (
            (topics.trade_updates, "stream", _frames()[1]),
            (topics.order_snapshots, "sweep", _orders()[0]),
            (topics.fill_activities, "sweep", _activities()[0]),
            (topics.account_snapshots, "sweep", b"[]"),
        )
        for position, event in ((5, "fill"), (500_000, ""))
    ]
    return [*made, *(b"\x00\x00\x00\x00\x01" + one[10:] for one in made[:2]), made[0][:10], b""]


def _bodies() -> list[bytes]:
    listed = [order_json(id=f"o-{n}", submitted_at=f"2026-09-18T13:24:5{n % 10}.1Z", legs=None) for n in range(8)]
    few = [{"id": each["id"], "submitted_at": each["submitted_at"], "legs": [{"id": "l"}]} for each in listed]
    return [
        _json(listed[:2]),
        _json(few),
        _json([activity_json(id=f"a::{n}") for n in range(4)]),
        _json(order_json()),
        b'{"code":40410000,"message":"order not found"}',
        b"<html>502 Bad Gateway</html>",
        b'[ {"id" : 1 } ,\n{"id":"x","submitted_at":"9999-12-31T23:59:59.999999999Z"} ]',
    ]


def _settings() -> list[bytes]:
    lines = {
        "APCA_API_KEY_ID": CANARY,
        "APCA_API_SECRET_KEY": CANARY,
        "APCA_API_BASE_URL": "https://paper-api.alpaca.markets",
        "KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092,kafka-2:9092",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_PASSWORD": CANARY,
        "DATABASE_URL": f"postgresql://u:{CANARY}@db:5432/d?sslmode=verify-full",
        "SCHEMA_REGISTRY_URL": f"https://u:{CANARY}@registry:8081",
        "RECONCILE_HTTP_TOKEN": CANARY,
        "RECONCILE_HTTP_ADDR": "[::1]:8080",
    }
    accounts = json.dumps([{"name": "a", "key": f"k{CANARY}", "secret": CANARY, "base_url": "http://127.0.0.1:9"}])
    toml = (
        f'database_url = "host=h password={CANARY}"\nkafka_bootstrap_servers = "h:1"\nhttp_token = "{CANARY}"\n'
        f'partitions = 8\nschema = "s"\n[[accounts]]\nname = "a"\nkey = "k"\nsecret = "{CANARY}"\n'
        '[kafka_client]\n"socket.keepalive.enable" = true\n'
    )
    return [
        "\n".join(f"{name}={value}" for name, value in lines.items()).encode(),
        f"RECONCILE_ACCOUNTS={accounts}\nRECONCILE_DEEP_DAYS=7\nRECONCILE_EMBEDDED=1\nRECONCILE_DATA_DIR=~".encode(),
        f'KAFKA_CLIENT={{"ssl.key.pem":"{CANARY}"}}\nDATABASE_URL=host=h password={CANARY}'.encode(),
        f"RECONCILE_TOPIC_PREFIX=a.\n---\n{toml}".encode(),
        b"DATABASE_URL_FILE=/nowhere/x\nRECONCILE_PARTITIONS=8\nRECONCILE_LOG_FORMAT=json",
    ]


def _queries() -> list[bytes]:
    cursor = own_targets.paging.write("/api/v1/sweeps", {}, (1, "a")).encode()
    return [
        b"symbol=AAPL&status=filled&status=new&open=true&limit=50&since=2026-01-05T14%3A30%3A00%2B02:00",
        b"cursor=" + cursor + b"&format=csv",
        cursor,
        b"state=open&type=missing_fill&begins=o&until=0001-01-01T00:00:00+14:00",
    ]
