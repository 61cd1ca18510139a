"""amiflow: declarative call automation for the Asterisk Manager Interface."""
