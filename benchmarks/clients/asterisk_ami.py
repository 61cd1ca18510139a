"""asterisk-ami at the job of the benchmark: a listener for one event name; the answer comes to a callback, and many
actions may be under way."""

import os
import threading

from asterisk.ami import AMIClient, SimpleAction


def answered(response):
    pass


def entered(source, event):
    if event["BridgeNumChannels"] == "2" and event["Context"] == "default":
        source.send_action(
            SimpleAction("Redirect", Channel=event["Channel"], Context="default", Exten="680", Priority=1), answered
        )


client = AMIClient(address="127.0.0.1", port=int(os.environ["AMI_PORT"]))
assert client.login(username="bench", secret="none").response
client.add_event_listener(entered, white_list=["BridgeEnter"])
client.send_action(SimpleAction("UserEvent", UserEvent="BenchReady"))
threading.Event().wait()
