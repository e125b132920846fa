"""The queue's order: a moment at which each hand-off is due."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WAITING = sa.text("ended_at IS NULL AND claimed_at IS NULL")


def upgrade() -> None:
    op.add_column("handoffs", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE handoffs SET due_at = requested_at")
    with op.batch_alter_table("handoffs") as batch_op:
        batch_op.alter_column("due_at", existing_type=sa.DateTime(timezone=True), nullable=False)
        batch_op.drop_index("ix_handoffs_ended_at_claimed_at_requested_at")
        batch_op.create_index("ix_handoffs_ended_at_claimed_at_due_at", ["ended_at", "claimed_at", "due_at"])
        batch_op.create_index("ix_handoffs_agent_id_ended_at", ["agent_id", "ended_at"])
        batch_op.create_index("ix_handoffs_waiting", ["due_at", "id"], sqlite_where=WAITING, postgresql_where=WAITING)


def downgrade() -> None:
    with op.batch_alter_table("handoffs") as batch_op:
        batch_op.drop_index("ix_handoffs_waiting", sqlite_where=WAITING, postgresql_where=WAITING)
        batch_op.drop_index("ix_handoffs_agent_id_ended_at")
        batch_op.drop_index("ix_handoffs_ended_at_claimed_at_due_at")
        batch_op.create_index(
            "ix_handoffs_ended_at_claimed_at_requested_at", ["ended_at", "claimed_at", "requested_at"]
        )
        batch_op.drop_column("due_at")
