"""panoramisk at the job of the benchmark: a coroutine for one event name, which awaits the action's answer."""

import asyncio
import os
import sys

sys.path.pop(0)  # this file has the library's name
from panoramisk import Manager


async def main():
    manager = Manager(
        host="127.0.0.1", port=int(os.environ["AMI_PORT"]), username="bench", secret="none", ping_delay=10**6,
        loop=asyncio.get_running_loop(),
    )  # fmt: skip

    async def entered(manager, event):
        if event.BridgeNumChannels == "2" and event.Context == "default":
            redirect = {"Channel": event.Channel, "Context": "default", "Exten": "680", "Priority": "1"}
            await manager.send_action({"Action": "Redirect", **redirect})

    manager.register_event("BridgeEnter", entered)
    manager.on_login = lambda manager: manager.send_action({"Action": "UserEvent", "UserEvent": "BenchReady"})
    await manager.connect()
    await asyncio.Event().wait()


asyncio.run(main())
