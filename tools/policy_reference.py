"""Write docs/policy.md and docs/policy.schema.json from the code; a test compares them."""

import json
from pathlib import Path

from ringfence.policy.reference import reference
from ringfence.policy.schema import schema

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Write both files."""
    DOCS.mkdir(exist_ok=True)
    (DOCS / "policy.md").write_text(reference(), encoding="utf-8")
    (DOCS / "policy.schema.json").write_text(json.dumps(schema(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
