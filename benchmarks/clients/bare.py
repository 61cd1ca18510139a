"""What the clients share that are no library: a connection, what they look for, and one buffer for all that comes."""

import os
import socket

ENTERED = (
    rb"\nEvent: BridgeEnter\r\n(?:(?!BridgeNumChannels: |\r)[^\n]*\n)*+BridgeNumChannels: 2\r\n"
    rb"(?:(?!Channel: |\r)[^\n]*\n)*+Channel: ([^\r]*)\r\n"
)
REDIRECT = b"Action: Redirect\r\nActionID: %d\r\nChannel: %b\r\nContext: default\r\nExten: 680\r\nPriority: 1\r\n\r\n"


def connected():
    """The server's socket, logged in and ready for the load."""
    server = socket.create_connection(("127.0.0.1", int(os.environ["AMI_PORT"])))
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server.sendall(b"Action: Login\r\nUsername: bench\r\nSecret: none\r\n\r\n")
    server.sendall(b"Action: UserEvent\r\nUserEvent: BenchReady\r\n\r\n")
    return server


def received(server):
    """The buffer and the end of the whole messages in it, each time some have come: what is left of a message is moved
    to its beginning, behind a line end for the expressions."""
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    buffer[0] = ord("\n")
    filled = 1
    while size := server.recv_into(view[filled:]):
        began, filled = filled, filled + size
        end = buffer.rfind(b"\r\n\r\n", max(0, began - 3), filled) + 4
        if end < 4:
            continue
        yield buffer, end
        filled -= end - 1
        view[:filled] = view[end - 1 : end - 1 + filled]
