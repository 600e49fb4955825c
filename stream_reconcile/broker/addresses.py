"""Where the broker is: which addresses may see the secret."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from stream_reconcile.core.errors import ConfigError


def is_loopback(url: str) -> bool:
    """Whether the address is this machine's own. A host name other than `localhost` counts as another's."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_rest_url(url: str, *, allow_plain: bool) -> str:
    """The address without a slash at its end. Raises ConfigError if it is none, or not safe for a secret.

    `allow_plain` permits http:// to other machines (a simulator, a TLS proxy on the way).
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{url!r} is not the address of a broker: write https://host")
    if parts.scheme == "http" and not allow_plain and not is_loopback(url):
        raise ConfigError(f"{url} would carry the secret unencrypted to another machine: write https://")
    return url.rstrip("/")
