"""Marks tests that cost more time than they add in every run."""

import os

import pytest

LONG = pytest.mark.skipif(not os.environ.get("LONG_TESTS"), reason="takes a minute or more: set LONG_TESTS=1")
