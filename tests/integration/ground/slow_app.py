"""A WSGI application that takes its time, to be stopped in the middle."""

import os
import time
from pathlib import Path


def create_app():
    seen = Path(os.environ["SLOW_APP_SEEN"])

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            with seen.open("a") as file:
                file.write("begun\n")
            time.sleep(1.5)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
        return [b"done"]

    return app
