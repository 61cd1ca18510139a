"""What the machine allows in Python: one expression over each block received, and nothing else of a client."""

import re

from bare import ENTERED, REDIRECT, connected, received

FIND = re.compile(ENTERED)
server = connected()
count = 0
for buffer, end in received(server):
    out = []
    for channel in FIND.findall(buffer, 0, end):
        count += 1
        out.append(REDIRECT % (count, channel))
    if out:
        server.sendall(b"".join(out))
