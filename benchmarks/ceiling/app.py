"""Flask that answers a constant: what the server and the framework leave to whoever does something."""

from flask import Flask, Response, request

# As long as the answer to a single ping that changes nothing.
ANSWER = (
    b'{"results":[{"installation_id":"phone-00000","ping_id":"0-0","status":"accepted","reasons":[]}],'
    b'"events":[],"decisions":[],"next_ping_after_s":5}'
)


def create_app() -> Flask:
    app = Flask(__name__, static_folder=None)

    @app.post("/v1/pings")
    def take_ping() -> Response:
        request.get_data()
        return Response(ANSWER, content_type="application/json")

    @app.get("/readyz")
    def ready() -> Response:
        return Response(b"{}", content_type="application/json")

    return app
