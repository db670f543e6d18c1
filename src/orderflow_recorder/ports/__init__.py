"""Protocols between the layers; no implementation, no I/O.

Each names what its user needs and nothing more. Adapters satisfy them, the collector and the
loader use them, `orderflow_recorder.app` puts the two together.
"""
