"""The Asterisk Manager Interface as such: messages, codec, session, catalogue.

Imports nothing of amiflow; no I/O but package data.
"""
