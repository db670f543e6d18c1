"""What the ledger needs of gaps, coverage and sync_events, now that it is kept.

Revision ID: 0002_ledger
Revises: 0001_initial
"""

import sqlalchemy as sa
from alembic import op

revision = "0002_ledger"
down_revision = "0001_initial"
branch_labels = None
depends_on = None

COMMENTS = (
    (
        "gaps",
        "cause",
        "Why the data is missing, e.g. disconnected, sequence",
        "Why the data is missing, e.g. disconnect",
    ),
    (
        "gaps",
        "from_time",
        "Time of the last record before the gap; us",
        "When the record before the gap was received; us, our clock",
    ),
    (
        "gaps",
        "to_time",
        "Time of the first record after the gap; us",
        "When the record after the gap was received; us, our clock",
    ),
    (
        "gaps",
        "opened_at",
        "When the gap was registered; us",
        "When the record that revealed it was received; us, our clock",
    ),
    (
        "gaps",
        "healed_at",
        "When the last missing id arrived; us",
        "When the last of its ids was received; us, our clock",
    ),
    (
        "gaps",
        "healed_by",
        "What filled it, e.g. rest or the instance that had the ids",
        "What filled it: rest, archive, or instance:<id> for a recorder that had the ids by stream",
    ),
    (
        "gaps",
        "instance",
        "INSTANCE_ID of the recorder that registered it",
        "INSTANCE_ID of the recorder that missed it",
    ),
    (
        "coverage",
        "first_id",
        "First id recorded (depth: update id); null for streams without ids",
        "First id recorded (depth: update id); null for streams without consecutive ids",
    ),
    (
        "coverage",
        "last_id",
        "Last id recorded (depth: update id); null for streams without ids",
        "Last id recorded (depth: update id); null for streams without consecutive ids",
    ),
    (
        "coverage",
        "first_time",
        "Time of the first record; us",
        "When the record of first_id was received; us, our clock",
    ),
    ("coverage", "last_time", "Time of the last record; us", "When the record of last_id was received; us, our clock"),
)
"""Table, column, comment until now, comment from now on."""
EVENT_KEY = ("instance", "run_id", "time", "event", "market", "symbol", "connection")


def upgrade() -> None:
    """Add columns, comments and indexes; the rows stay as they are."""
    op.add_column("gaps", sa.Column("reason", sa.Text, comment="Why no source has it, if it is unrecoverable"))
    op.create_index("gaps_by_id", "gaps", ["market", "symbol", "stream", "last_missing_id"])
    op.create_index(
        "gaps_open", "gaps", ["market", "symbol", "stream"], postgresql_where=sa.text("status = 'open'::text")
    )
    op.add_column(
        "coverage",
        sa.Column(
            "last_key",
            sa.BigInteger,
            comment="Streams without consecutive ids: highest update id or event time (ns) recorded",
        ),
    )
    for table, column, _, comment in COMMENTS:
        op.alter_column(table, column, comment=comment)
    # Two events of one socket in one microsecond differ at least in their detail.
    op.drop_index("sync_events_key", "sync_events")
    op.create_index(
        "sync_events_key",
        "sync_events",
        [*EVENT_KEY, sa.text("md5(detail::text)")],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("sync_events_by_time", "sync_events", ["instance", "time"])
    op.create_index(
        "sync_events_sockets",
        "sync_events",
        ["instance", "run_id", "connection"],
        postgresql_where=sa.text("event = ANY (ARRAY['connected'::text, 'subscribed'::text])"),
    )


def downgrade() -> None:
    """Take it all back; of events that only their detail tells apart the first stays."""
    op.drop_index("sync_events_sockets", "sync_events")
    op.drop_index("sync_events_by_time", "sync_events")
    op.drop_index("sync_events_key", "sync_events")
    op.execute(
        "DELETE FROM public.sync_events AS later USING public.sync_events AS first "
        "WHERE first.ctid < later.ctid "
        "AND (first.instance, first.run_id, first.time, first.event) "
        "= (later.instance, later.run_id, later.time, later.event) "
        "AND (first.market, first.symbol, first.connection) "
        "IS NOT DISTINCT FROM (later.market, later.symbol, later.connection)"
    )
    op.create_index("sync_events_key", "sync_events", [*EVENT_KEY], unique=True, postgresql_nulls_not_distinct=True)
    for table, column, comment, _ in COMMENTS:
        op.alter_column(table, column, comment=comment)
    op.drop_column("coverage", "last_key")
    op.drop_index("gaps_open", "gaps")
    op.drop_index("gaps_by_id", "gaps")
    op.drop_column("gaps", "reason")
