"""Backtests of a test: asked for over HTTP, run by workers, or by a process that says and does something else."""

import sys
from datetime import timedelta
from uuid import UUID

from beacon_service import apart


def ask(shop, *changes, **fields):
    """Of the last hour; changes are (kind, key, body). Answers the id."""
    since = shop.clock.now() - timedelta(hours=1)
    named = [dict(zip(("kind", "key", "body"), change, strict=True)) for change in changes]
    body = {"from": since.isoformat(), "to": shop.clock.now().isoformat(), "changes": named} | fields
    answer = shop.ask("POST", "/v1/backtests", body)
    assert answer.status_code == 202, answer.text
    return UUID(answer.json["id"])


def told(shop, id_):
    answer = shop.ask("GET", f"/v1/backtests/{id_}")
    assert answer.status_code == 200, answer.text
    return answer.json


def examples(shop, id_):
    return shop.ask("GET", f"/v1/backtests/{id_}/examples").json["items"]


def instead(monkeypatch, script):
    """The process of a backtest says and does this."""
    begin = apart.subprocess.Popen

    def begins(_command, **options):
        return begin([sys.executable, "-c", script], **options)

    monkeypatch.setattr(apart.subprocess, "Popen", begins)
