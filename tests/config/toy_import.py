"""What a nursery imports for its toys."""

import os

IMPORTED_BY = os.getpid()
