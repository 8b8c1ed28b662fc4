"""Options that several commands share, with what the help says of them."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json", negative="", show_default=False)]
Flag = Annotated[bool, Parameter(negative="", show_default=False)]
"""On where it is written."""
Text = Annotated[str, Parameter(show_default=False)]
"""Nothing unless given."""
Several = Annotated[tuple[str, ...], Parameter(consume_multiple=False, negative="", show_default=False)]
"""May be given more than once."""

Control = Annotated[Path, Parameter(env_var="RINGFENCE_CONTROL")]
CONTROL = Path("state/control.sock")
"""Where the guard listens for commands unless the policy says otherwise."""
Where = Annotated[Path, Parameter(name="--ledger", env_var="RINGFENCE_LEDGER")]
LEDGER = Path("state/ledger.db")
"""Where the ledger is unless the policy says otherwise."""
