"""What the machine allows in Python: one expression over each block received, and nothing else of a client."""

import os
import re
import socket

FIND = re.compile(
    rb"\nEvent: BridgeEnter\r\n(?:(?!Channel: |\r)[^\n]*\n)*+Channel: ([^\r]*)\r\n"
    rb"(?:(?!BridgeNumChannels: |\r)[^\n]*\n)*+BridgeNumChannels: 2\r\n"
)
server = socket.create_connection(("127.0.0.1", int(os.environ["AMI_PORT"])))
server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
server.sendall(b"Action: Login\r\nUsername: bench\r\nSecret: none\r\n\r\n")
server.sendall(b"Action: UserEvent\r\nUserEvent: BenchReady\r\n\r\n")
rest, count = b"", 0
while data := server.recv(1 << 20):
    data = rest + data
    end = data.rfind(b"\r\n\r\n") + 2
    out = []
    for channel in FIND.findall(data, 0, end):
        count += 1
        out.append(
            b"Action: Redirect\r\nActionID: %d\r\nChannel: %b\r\nContext: default\r\nExten: 680\r\nPriority: 1\r\n\r\n"
            % (count, channel)
        )
    if out:
        server.sendall(b"".join(out))
    rest = data[end:]
