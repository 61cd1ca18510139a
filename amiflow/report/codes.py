"""The table of diagnostic kinds: one row each, from which `amiflow explain` and the reference are printed.

Belongs here: the table, put together of the rooms `codes_*`, where the rows are. Never: code that finds a mistake, or
the words of one single message.
"""

from __future__ import annotations

from amiflow.report.codes_flows import FLOWS
from amiflow.report.codes_messages import MESSAGES
from amiflow.report.codes_names import NAMES
from amiflow.report.codes_operations import OPERATIONS
from amiflow.report.codes_safety import SAFETY
from amiflow.report.codes_syntax import SYNTAX
from amiflow.report.codes_types import TYPES
from amiflow.report.kind import Code

CODES: dict[str, Code] = {row.name: row for row in (*SYNTAX, *NAMES, *MESSAGES, *TYPES, *FLOWS, *SAFETY, *OPERATIONS)}
