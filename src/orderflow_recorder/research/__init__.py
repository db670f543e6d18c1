"""Recorded data as Arrow and polars frames, for people who ask questions of it.

Reads the database, changes nothing. Knows the tables, not how they are filled. `connect` is where to
begin; docs/research.md shows how.
"""

from orderflow_recorder.research.books import Book, BookBreak, BookUpdate
from orderflow_recorder.research.database import Database, connect
from orderflow_recorder.research.errors import NumberTooWideError, QuestionError, ResearchError

__all__ = [
    "Book",
    "BookBreak",
    "BookUpdate",
    "Database",
    "NumberTooWideError",
    "QuestionError",
    "ResearchError",
    "connect",
]
