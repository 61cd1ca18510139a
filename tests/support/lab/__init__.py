"""The laboratory: real Asterisk servers, on loopback, for tests/asterisk.

What belongs here: how a server is installed (`install`), configured (`config`), started and stopped (`server`), and the
calls that tests put through it (`calls`, `sip`). What never does: amiflow. The laboratory judges it, so imports nothing
of it.

From the top of the checkout, with `PYTHONPATH=tests`: `python -m support.lab install` makes both servers' trees, and
`python -m support.lab serve 22` runs a server to try things on by hand until ^C.
"""
