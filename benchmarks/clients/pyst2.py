"""pyst2 at the job of the benchmark: a callback for one event name; each action is waited for."""

import os
import threading
import warnings

warnings.simplefilter("ignore")
from asterisk.manager import Manager  # noqa: E402


def entered(event, manager):
    if event.get_header("BridgeNumChannels") == "2" and event.get_header("Context") == "default":
        manager.redirect(event["Channel"], "680", context="default")


manager = Manager()
manager.connect("127.0.0.1", int(os.environ["AMI_PORT"]))
manager.login("bench", "none")
manager.register_event("BridgeEnter", entered)
manager.send_action({"Action": "UserEvent", "UserEvent": "BenchReady"})
threading.Event().wait()
