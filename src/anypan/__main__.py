"""``anypan``, and ``python -m anypan``: the command line, of which the modules alone take longer than a key press."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """The console entry point."""
    try:
        from anypan.cli import main as verbs
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    verbs()


if __name__ == "__main__":
    main()
