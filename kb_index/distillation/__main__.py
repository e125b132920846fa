"""`python -m kb_index.distillation`."""

import sys

from kb_index.distillation.cli import main

if __name__ == "__main__":
    sys.exit(main())
