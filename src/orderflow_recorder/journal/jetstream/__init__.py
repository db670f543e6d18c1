"""The journal on a NATS JetStream server: what one machine writes, loaders on any machine read.

The collector writes its segment files as ever; they are the spool of what the server does not have yet. A
`Forwarder` publishes their lines in order, a `JetStreamReader` reads them back. Positions are those of the
segment files, so a sink can change from one journal to the other at any time.
"""
