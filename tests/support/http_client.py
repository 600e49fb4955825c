"""A bare HTTP client for a simulator's REST: status, headers and body as they come, nothing retried, nothing parsed."""

from __future__ import annotations

from typing import Any

import requests


class Rest:
    """One session with the simulator's keys."""

    def __init__(self, simulator: Any, timeout: float = 5.0) -> None:
        self._simulator = simulator
        self._timeout = timeout
        self._session = requests.Session()
        self._session.headers.update({"APCA-API-KEY-ID": simulator.key, "APCA-API-SECRET-KEY": simulator.secret})

    def __enter__(self) -> Rest:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        """`options` as requests takes them: `json`, `data`, `params`, `headers`."""
        url = self._simulator.base_url + path
        return self._session.request(method, url, timeout=self._timeout, **options)

    def get(self, path: str, **params: object) -> Any:
        """The decoded body of a GET that succeeds."""
        response = self("GET", path, params=params)
        assert response.status_code == 200, (path, params, response.status_code, response.text)
        return response.json()
