"""`python -m kb_index`."""

import sys

from kb_index.cli import main

if __name__ == "__main__":
    sys.exit(main())
