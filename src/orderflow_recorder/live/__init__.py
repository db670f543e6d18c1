"""The present: the latest trade, book and day of each symbol, and those who are told when they change."""
