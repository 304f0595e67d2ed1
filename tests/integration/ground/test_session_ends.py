"""A database that hangs up after the answer is settled does not turn that answer into a failure."""

from beacon_service.auth import public
from beacon_service.db import db


def test_a_request_whose_session_lost_its_server_keeps_its_answer(app, test_cluster, worker_database):
    @app.get("/answer")
    @public
    def answer():
        pid = db.session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with test_cluster.connect(database=worker_database) as server:
            server.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        return {"said": "yes"}

    client = app.test_client()
    for _ in range(2):
        response = client.get("/answer")
        assert (response.status_code, response.json) == (200, {"said": "yes"})
