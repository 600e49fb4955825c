"""Checks of single settings: each takes what was written and returns it in one form, or says what to write instead.

The ValueErrors become part of a ConfigError that begins with the setting's name. None of them repeats a value that can
hold a password.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import BeforeValidator, SecretStr

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.log.connection import RESERVED, Property
from stream_reconcile.store.connect import check_schema_name

Lowercase = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)

MIN_TOKEN_LENGTH = 16
SECRET_PROPERTIES = {"sasl.password": "KAFKA_SASL_PASSWORD", "ssl.key.password": "KAFKA_SSL_KEY_PASSWORD"}
_SECRET_PROPERTY = re.compile(r"password|secret|\.pem$|jaas|sasl\.oauthbearer\.config")
MAX_ROLE_PREFIX = 63 - len("_migrator")


def registry_url(secret: SecretStr) -> SecretStr:
    """An http(s) address, without a slash at its end. It may hold a password, so the error repeats nothing of it."""
    text = secret.get_secret_value()
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _has_port(text):
        raise ValueError("is not a web address. Write one with its scheme, such as http://registry:8081")
    return SecretStr(text.rstrip("/"))


def _has_port(url: str) -> bool:
    """Whether the port, if one is written, can be one."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def broker_url(text: str) -> str:
    """Scheme and host of Alpaca's trading API. Its dashboard shows the address with `/v2`: that is cut off."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _has_port(text):
        raise ValueError("is not a web address. Write one such as https://paper-api.alpaca.markets")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("has more than scheme and host. Write only https://host; the key goes into its own setting")
    if parts.path.rstrip("/") not in ("", "/v2"):
        raise ValueError(f"has the path {parts.path}. Write only scheme and host")
    if parts.scheme == "http" and parts.hostname.endswith("alpaca.markets"):
        raise ValueError("would send the secret unencrypted. Write https:// in place of http://")
    return f"{parts.scheme}://{parts.netloc}"


def stream_url(base_url: str) -> str:
    """Address of the `trade_updates` websocket that belongs to a trading API."""
    parts = urlsplit(base_url)
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/stream"


def is_plain_and_remote(base_url: str) -> bool:
    """Whether what is sent there goes unencrypted to another machine."""
    parts = urlsplit(base_url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def account_id(text: str) -> str:
    """Alpaca's account id: the UUID that `GET /v2/account` calls `id`, not the account number."""
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text.lower()):
        raise ValueError(
            "is not an account id. Write the `id` of GET /v2/account, such as b6a1d8a2-5d0c-4f0e-9d53-6f2f6c0a7c11 "
            "(not the account number)"
        )
    return text.lower()


def bootstrap_servers(text: str) -> str:
    """`host:port`, or several with commas."""
    servers = [server.strip() for server in text.split(",") if server.strip()]
    for server in servers:
        host, _, port = server.rpartition(":")
        if "@" in server:  # it may be a password, so it is not repeated
            raise ValueError(
                "has an @. Write addresses such as kafka-1:9092; user and password have their own settings"
            )
        if not host or "/" in server or not port.isdecimal() or len(port) > 5 or not 0 < int(port) < 65536:
            raise ValueError(f"{server!r} is not host:port. Write addresses such as kafka-1:9092,kafka-2:9092")
    if not servers:
        raise ValueError("names no server. Write addresses such as kafka-1:9092,kafka-2:9092")
    return ",".join(servers)


def kafka_client(properties: dict[str, Property]) -> dict[str, Property]:
    """librdkafka properties, without those that the program sets itself because the guarantees rest on them."""
    if secret := sorted(SECRET_PROPERTIES.keys() & properties.keys()):
        ours = ", ".join(f"{name} ({SECRET_PROPERTIES[name]})" for name in secret)
        raise ValueError(f"sets {ours}. A secret has its own setting, in brackets: use that")
    if own := sorted(RESERVED & properties.keys()):
        raise ValueError(f"sets {', '.join(own)}, which the program sets itself. Leave out what it sets")
    return properties


def kafka_client_secrets(properties: dict[str, Property]) -> list[str]:
    """Values of those properties that hold a secret by their name, for the log's redaction."""
    return [str(value) for name, value in properties.items() if _SECRET_PROPERTY.search(name)]


def consumer_group(text: str) -> str:
    """A Kafka group id."""
    if not re.fullmatch(r"\S{1,249}", text):
        raise ValueError("is not a group name. Write one word, such as stream-reconcile")
    return text


def topic_prefix(text: str) -> str:
    """What topic names begin with; Kafka allows letters, digits, `.`, `_` and `-`."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,200}", text):
        raise ValueError(f"{text!r} can't begin a topic name. Use letters, digits, '.', '_' and '-', such as alpaca.")
    return text


def schema_name(text: str) -> str:
    """A Postgres schema name that needs no quotes and is not one of Postgres's own."""
    try:
        return check_schema_name(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None


def role_prefix(text: str) -> str:
    """What role names begin with: as a schema's name, and short enough for what follows."""
    if len(text) > MAX_ROLE_PREFIX:
        raise ValueError(f"is longer than {MAX_ROLE_PREFIX} characters. Write a shorter one, such as reconcile")
    return schema_name(text)


def database_url(secret: SecretStr) -> SecretStr:
    """A Postgres URL or conninfo that libpq can read. It holds a password, so the error repeats nothing of it."""
    try:
        parsed = conninfo_to_dict(secret.get_secret_value())
    except ProgrammingError:
        parsed = {}
    if not parsed:
        raise ValueError(
            "is not an address of Postgres. Write one such as postgresql://user:password@host:5432/database "
            "(with %40 for an @ in the password, and so on)"
        )
    return secret


def database_password(secret: SecretStr | None) -> tuple[str, ...]:
    """The passwords in a Postgres address, if any; one that is also the user's or database's name is no secret."""
    parsed = conninfo_to_dict(secret.get_secret_value()) if secret else {}
    found = [str(parsed[name]) for name in ("password", "sslpassword") if parsed.get(name)]
    return tuple(one for one in found if one not in (parsed.get("user"), parsed.get("dbname")))


def url_password(secret: SecretStr | None) -> tuple[str, ...]:
    """The password in a web address, if any, as it stands there and without its %-signs."""
    password = urlsplit(secret.get_secret_value()).password if secret else None
    return (password, unquote(password)) if password else ()


def http_token(secret: SecretStr) -> SecretStr:
    """A token that can stand in a header and can't be guessed."""
    if not re.fullmatch(rf"[\x21-\x7e]{{{MIN_TOKEN_LENGTH},}}", secret.get_secret_value()):
        raise ValueError(
            f"must be at least {MIN_TOKEN_LENGTH} printable characters without spaces. "
            "Write the output of `openssl rand -hex 32`"
        )
    return secret


def split_address(text: str) -> tuple[str, int]:
    """`host:port`, `[::1]:port` or `:port` (all interfaces) as host and port."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host.strip("[]")
    odd = (":" in host and not bracketed) or host not in {bare, f"[{bare}]"} or (host and not bare)
    if not colon or not port.isdecimal() or len(port) > 5 or int(port) > 65535 or odd or "/" in host:
        raise ValueError(f"{text!r} is not host:port. Write an address such as 127.0.0.1:8080")
    return (bare or "0.0.0.0", int(port))  # noqa: S104 - an address without a host means all interfaces


def listen_address(text: str) -> str:
    """Checked `host:port`."""
    split_address(text)
    return text


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address. A host name other than `localhost` counts as reachable."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
