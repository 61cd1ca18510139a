"""pystrix at the job of the benchmark: a callback for one event name; each action is waited for."""

import os
import sys
import threading

sys.path.pop(0)  # this file has the library's name
from pystrix.ami import Manager, core
from pystrix.ami.ami import _Request


def entered(event, manager):
    if event["BridgeNumChannels"] == "2" and event["Context"] == "default":
        manager.send_action(core.Redirect(event["Channel"], "default", "680", "1"))


manager = Manager()
manager.register_callback("BridgeEnter", entered)
manager.connect("127.0.0.1", int(os.environ["AMI_PORT"]), timeout=3600)
manager.send_action(core.Login("bench", "none"))
ready = _Request("UserEvent")
ready["UserEvent"] = "BenchReady"
manager.send_action(ready)
threading.Event().wait()
