"""Secrets of webhooks and what is signed with them: Standard Webhooks 1.0 (standardwebhooks.com). Pure.

A secret is not kept: it follows from the service's own key, the webhook's name and a salt. So a copy of the database
signs nothing, and there is nothing that a log could show.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from typing import TYPE_CHECKING

from standardwebhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

PREFIX = "whsec_"
SALT_BYTES = 16


def derived(key: str, webhook: str, salt: bytes) -> str:
    """The secret as the receiver is shown it: 32 bytes in base64 behind its prefix (the spec asks for 24 to 64)."""
    said = b"webhook\0" + webhook.encode() + b"\0" + salt
    return PREFIX + b64encode(hmac.digest(key.encode(), said, hashlib.sha256)).decode()


def headers(secrets: Sequence[str], message_id: str, at: datetime, body: str) -> dict[str, str]:
    """What goes with the body; one signature for each secret, while one replaces another."""
    signatures = [Webhook(secret).sign(message_id, at, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
