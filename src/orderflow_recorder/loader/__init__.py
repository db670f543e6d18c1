"""The loader: tails a journal, parses, batches, and feeds one sink.

What an entry means is the parser's business and where rows go is the sink's; neither is known here.
"""
