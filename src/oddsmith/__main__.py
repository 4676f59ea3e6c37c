"""``python -m oddsmith``: the command line."""

import sys

from oddsmith.cli import main

if __name__ == "__main__":
    sys.exit(main())
