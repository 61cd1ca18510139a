"""What every test shares."""

# They need real servers (see the Makefile) and run when they are named: pytest tests/asterisk.
collect_ignore = ["asterisk"]
