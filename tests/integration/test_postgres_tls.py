"""`sslmode=verify-full`: encrypted and verified, or no connection, and words that say why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from stream_reconcile.core.errors import RefusedError
from stream_reconcile.store.connect import connect
from support.certificates import Authority
from support.tls_front import TlsFront
from support.waiting import wait_until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture
def front(postgres_server: str, authority: Authority) -> Iterator[TlsFront]:
    with TlsFront(postgres_server, *authority.issue("postgres", "127.0.0.1")) as front:
        yield front


def verified(front: TlsFront, authority: Authority, **changes: str) -> str:
    return make_conninfo(front.dsn, **{"sslmode": "verify-full", "sslrootcert": str(authority.certificate)} | changes)


def test_it_is_encrypted_and_verified(front: TlsFront, authority: Authority) -> None:
    with connect(verified(front, authority), "public", name="t") as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_unknown_authority_is_refused(front: TlsFront, authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    with pytest.raises(RefusedError, match=r"check sslmode and the certificates.*certificate verify failed"):
        connect(verified(front, other), "public", name="t")
    wait_until(lambda: front.refused == 1, what="its server to be told")


def test_a_certificate_for_another_host_is_refused(front: TlsFront, authority: Authority) -> None:
    with pytest.raises(RefusedError, match=r"check sslmode and the certificates.*does not match host name"):
        connect(verified(front, authority, host="localhost", hostaddr="127.0.0.1"), "public", name="t")


def test_no_authority_at_all_is_said(front: TlsFront, authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"check sslmode and the certificates.*does not exist"):
        connect(verified(front, authority, sslrootcert=str(tmp_path / "nothing")), "public", name="t")


def test_nothing_is_sent_in_the_clear(postgres_server: str, authority: Authority) -> None:
    """The embedded server is built without TLS: with verify-full its no is the end, whatever it would have let in."""
    dsn = make_conninfo(postgres_server, sslmode="verify-full", sslrootcert=str(authority.certificate))
    with pytest.raises(RefusedError, match=r"server does not support SSL"):
        connect(dsn, "public", name="t")
