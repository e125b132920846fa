"""Answers by e-mail, and opening hours with holidays."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_DUE = sa.text("sent_at IS NULL AND failed_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("handoffs") as batch_op:
        batch_op.add_column(sa.Column("by_email_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("by_email_to", sa.String(254), nullable=True))
    _hours()
    _mail()


def _hours() -> None:
    op.create_table(
        "opening_hours",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("week", sa.JSON(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_opening_hours"),
    )
    op.create_table(
        "holidays",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("yearly", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("spans", sa.JSON(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_holidays"),
    )


def _mail() -> None:
    op.create_table(
        "mail_threads",
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("secret", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("message_ids", sa.JSON(), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("since_sequence", sa.Integer(), nullable=False),
        sa.Column("mailed_sequence", sa.Integer(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_mail_threads_conversation_id_conversations"
        ),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_mail_threads"),
    )
    active = {"sqlite_where": sa.text("active"), "postgresql_where": sa.text("active")}
    op.create_index("ix_mail_threads_active", "mail_threads", ["conversation_id"], **active)
    op.create_table(
        "outgoing_mails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("to", sa.String(254), nullable=False),
        sa.Column("subject", sa.String(210), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("message_id", sa.String(80), nullable=False),
        sa.Column("in_reply_to", sa.String(1000), nullable=True),
        sa.Column("references", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(500), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["mail_threads.conversation_id"], name="fk_outgoing_mails_conversation_id_mail_threads"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_outgoing_mails"),
        sa.UniqueConstraint("message_id", name="uq_outgoing_mails_message_id"),
    )
    op.create_index(
        "ix_outgoing_mails_due",
        "outgoing_mails",
        ["next_attempt_at", "id"],
        sqlite_where=_DUE,
        postgresql_where=_DUE,
    )
    for columns in (["conversation_id", "made_at"], ["to", "made_at"], ["kind", "made_at"]):
        op.create_index(f"ix_outgoing_mails_{'_'.join(columns)}", "outgoing_mails", columns)
    op.create_table(
        "incoming_mails",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("message_id", sa.String(1000), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["mail_threads.conversation_id"], name="fk_incoming_mails_conversation_id_mail_threads"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_incoming_mails"),
    )
    op.create_index(
        "ix_incoming_mails_conversation_id_received_at", "incoming_mails", ["conversation_id", "received_at"]
    )


def downgrade() -> None:
    for table in ("incoming_mails", "outgoing_mails", "mail_threads", "holidays", "opening_hours"):
        op.drop_table(table)
    with op.batch_alter_table("handoffs") as batch_op:
        batch_op.drop_column("by_email_to")
        batch_op.drop_column("by_email_at")
