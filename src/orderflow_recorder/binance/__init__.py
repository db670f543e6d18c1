"""Binance's public wire: stream URLs, frames, REST, and their translation into domain records.

Everything that is true of Binance only lives here: key names, routes, limits, weights, error
shapes. Nothing here decides when to connect, resync or retry; that is the collector's business.
"""
