"""A server that answers at once and does nothing: against it the loader shows how much load it can make."""

import select
import socket
import sys

from benchmarks.wire import response_length

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def serve(port: int) -> None:
    listener = socket.create_server(("127.0.0.1", port))
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    clients: dict[int, tuple[socket.socket, bytearray]] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == listener.fileno():
                client, _address = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()] = (client, bytearray())
                poll.register(client.fileno(), select.EPOLLIN)
                continue
            client, received = clients[descriptor]
            chunk = client.recv(1 << 18)
            if not chunk:
                poll.unregister(descriptor)
                clients.pop(descriptor)[0].close()
                continue
            received += chunk
            # A request says its length as a response does.
            length = response_length(received)
            if length is not None and len(received) >= length:
                received.clear()
                client.sendall(ANSWER)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
