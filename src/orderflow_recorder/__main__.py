"""Run the program: ``python -m orderflow_recorder``."""

import sys

from orderflow_recorder.cli import children, main

if children.is_child(sys.argv[1:]):
    sys.exit(children.main(sys.argv[1:]))
main()
