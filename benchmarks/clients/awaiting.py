"""The least that Python can do where each action awaits the answer to the one before, as the AMI manual asks for: one
expression over what is received, one action on the wire, and nothing else of a client.
"""

import re
from collections import deque

from bare import ENTERED, REDIRECT, connected, received

FIND = re.compile(ENTERED + rb"|\nResponse: \w+\r\nActionID: (\d+)\r\n")
server = connected()
waiting, is_free, count = deque(), True, 0
for buffer, end in received(server):
    for channel, answered in FIND.findall(buffer, 0, end):
        if answered:
            is_free = True
        else:
            waiting.append(channel)
    if waiting and is_free:
        is_free = False
        count += 1
        server.sendall(REDIRECT % (count, waiting.popleft()))
