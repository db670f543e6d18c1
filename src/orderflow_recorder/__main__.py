"""Run the program: ``python -m orderflow_recorder``."""

from orderflow_recorder.cli import main

main()
