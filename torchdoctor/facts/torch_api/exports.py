"""What `from torch... import *` brings. Written from torch by tests/facts/write_exports.py; compared with it in the tests."""

EXPORTS: dict[str, frozenset[str]] = {}
