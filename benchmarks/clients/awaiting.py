"""The least that Python can do where each action awaits the answer to the one before, as the AMI manual asks for: one
expression over what is received, one action on the wire, and nothing else of a client.
"""

import os
import re
import socket
from collections import deque

FIND = re.compile(
    rb"\nEvent: BridgeEnter\r\n(?:(?!BridgeNumChannels: |\r)[^\n]*\n)*+BridgeNumChannels: 2\r\n"
    rb"(?:(?!Channel: |\r)[^\n]*\n)*+Channel: ([^\r]*)\r\n"
    rb"|\nResponse: \w+\r\nActionID: (\d+)\r\n"
)
server = socket.create_connection(("127.0.0.1", int(os.environ["AMI_PORT"])))
server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
server.sendall(b"Action: Login\r\nUsername: bench\r\nSecret: none\r\n\r\n")
server.sendall(b"Action: UserEvent\r\nUserEvent: BenchReady\r\n\r\n")
# One buffer for all: what is left of a message is moved to its beginning, behind a line end for the expression.
buffer = bytearray(1 << 20)
view = memoryview(buffer)
buffer[0] = ord("\n")
waiting, is_free = deque(), True
filled, count = 1, 0
while size := server.recv_into(view[filled:]):
    began, filled = filled, filled + size
    end = buffer.rfind(b"\r\n\r\n", max(0, began - 3), filled) + 4
    if end < 4:
        continue
    for channel, answered in FIND.findall(buffer, 0, end):
        if answered:
            is_free = True
        else:
            waiting.append(channel)
    if waiting and is_free:
        is_free = False
        count += 1
        server.sendall(
            b"Action: Redirect\r\nActionID: %d\r\nChannel: %b\r\nContext: default\r\nExten: 680\r\nPriority: 1\r\n\r\n"
            % (count, waiting.popleft())
        )
    filled -= end - 1
    view[:filled] = view[end - 1 : end - 1 + filled]
