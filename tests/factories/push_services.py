"""Push services on this machine, speaking the real ones' protocols."""

import json
import socket
import ssl
import threading
from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import parse_qs

import h2.config
import h2.connection
import h2.events
import http_ece
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.factories.receiver import Receiver

KEY_ID, TEAM_ID, TOPIC = "ABC123DEFG", "DEF123GHIJ", "example.shop.app"


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Fcm(Receiver):
    """Google's token server and FCM in one; `answers` are FCM's. A token is good while it is in `tokens`."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.tokens, self.messages, self.knows_account = [], [], True
        super().__init__()

    def account(self, directory):
        """The file that Firebase would hand out."""
        about = {
            "type": "service_account",
            "project_id": "shop-app",
            "private_key_id": "key-1",
            "private_key": pem(self.key).decode(),
            "client_email": "beacon@shop-app.iam.gserviceaccount.com",
            "token_uri": self.url("/token"),
        }
        path = directory / "account.json"
        path.write_text(json.dumps(about))
        return path

    def answer(self, request):
        if request.path == "/token":
            return self._token(request)
        assert request.path == "/v1/projects/shop-app/messages:send"
        if request.headers["authorization"].removeprefix("Bearer ") not in self.tokens:
            return error(401, "UNAUTHENTICATED")
        self.messages.append(request.json["message"])
        if self.answers:
            return self.answers.pop(0)
        return 200, {}, json.dumps({"name": f"projects/shop-app/messages/{len(self.messages)}"}).encode()

    def _token(self, request):
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        # The tests' clock is not the library's: times are looked at by hand.
        claims = jwt.decode(
            form["assertion"], self.key.public_key(), algorithms=["RS256"], audience=self.url("/token"),
            options={"verify_exp": False, "verify_iat": False},
        )  # fmt: skip
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        assert claims["exp"] - claims["iat"] == 3600
        if not self.knows_account:
            return 400, {}, b'{"error": "invalid_grant"}'
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return 200, {}, json.dumps({"access_token": self.tokens[-1], "expires_in": 3599}).encode()


def error(status, code, **headers):
    """As FCM refuses a message."""
    detail = {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}
    body = {"error": {"code": status, "message": "no", "status": code, "details": [detail]}}
    return (
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        json.dumps(body).encode(),
    )


class Browser:
    """A browser's subscription: what it tells the app, and how it reads what arrives."""

    def __init__(self, endpoint):
        self.endpoint, self.auth = endpoint, b"0123456789abcdef"
        self.key = ec.generate_private_key(ec.SECP256R1())

    @property
    def push(self):
        point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        keys = {"p256dh": encoded(point), "auth": encoded(self.auth)}
        return {"provider": "webpush", "token": self.endpoint, **keys}

    def read(self, body):
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        return json.loads(plain)


def encoded(data):
    return urlsafe_b64encode(data).decode().rstrip("=")


class Pushed(NamedTuple):
    """A request as APNs got it."""

    path: str
    headers: dict
    json: dict


class Apns:
    """HTTP/2 over TLS, as Apple speaks it. `answers`: (status, reason, headers) for the next requests, then 200."""

    def __init__(self, context):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.requests, self.answers, self.connections = [], [], 0
        context.set_alpn_protocols(["h2"])
        self._context = context
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open, self._threads = [], []
        self._start(self._accept)

    @property
    def url(self):
        return f"https://localhost:{self._server.getsockname()[1]}"

    def key_file(self, directory):
        path = directory / "AuthKey.p8"
        path.write_bytes(pem(self.key))
        return path

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def hang_up(self):
        """End all connections, as Apple does now and then."""
        for connection in self._open:
            connection.shutdown(socket.SHUT_RDWR)

    def _start(self, work, *args):
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                plain, _ = self._server.accept()
            except OSError:
                return
            self._start(self._serve, plain)

    def _serve(self, plain):
        try:
            with self._context.wrap_socket(plain, server_side=True) as connection:
                assert connection.selected_alpn_protocol() == "h2"
                self.connections += 1
                self._open.append(connection)
                self._talk(connection)
        except (ssl.SSLError, OSError):
            plain.close()

    def _talk(self, connection):
        protocol = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        protocol.initiate_connection()
        connection.sendall(protocol.data_to_send())
        streams = {}
        while data := connection.recv(65536):
            for event in protocol.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    streams[event.stream_id] = [dict(event.headers), b""]
                elif isinstance(event, h2.events.DataReceived):
                    streams[event.stream_id][1] += event.data
                    protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self._answer(protocol, event.stream_id, *streams.pop(event.stream_id))
            connection.sendall(protocol.data_to_send())

    def _answer(self, protocol, stream, headers, body):
        self.requests.append(Pushed(headers[":path"], headers, json.loads(body)))
        status, reason, extra = self._verdict(headers)
        told = [(":status", str(status)), ("apns-id", headers["apns-id"]), *extra.items()]
        protocol.send_headers(stream, told, end_stream=reason is None)
        if reason is not None:
            protocol.send_data(stream, json.dumps({"reason": reason}).encode(), end_stream=True)

    def _verdict(self, headers):
        try:
            jwt.decode(
                headers["authorization"].removeprefix("bearer "), self.key.public_key(), algorithms=["ES256"],
                options={"verify_iat": False},
            )  # fmt: skip
        except jwt.InvalidTokenError:
            return 403, "InvalidProviderToken", {}
        if headers["apns-topic"] != TOPIC:
            return 400, "TopicDisallowed", {}
        return self.answers.pop(0) if self.answers else (200, None, {})
