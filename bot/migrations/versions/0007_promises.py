"""The ledger of promised waits, and whether who waits is still there."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COLUMNS = ("seen_at", "left_at", "place_at")
OPEN = sa.text("settled_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "promises",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("handoff_id", sa.Integer(), nullable=False),
        sa.Column("spell", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("low_min", sa.Integer(), nullable=False),
        sa.Column("high_min", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pressing_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pressed", sa.Boolean(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kept", sa.Boolean(), nullable=True),
        sa.Column("apologised", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_promises"),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoffs.id"], name="fk_promises_handoff_id_handoffs"),
    )
    op.create_index("ix_promises_handoff_id", "promises", ["handoff_id"])
    op.create_index("ix_promises_open", "promises", ["due_at"], sqlite_where=OPEN, postgresql_where=OPEN)
    for column in COLUMNS:
        op.add_column("handoffs", sa.Column(column, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("handoffs") as batch_op:
        for column in reversed(COLUMNS):
            batch_op.drop_column(column)
    op.drop_index("ix_promises_open", "promises")
    op.drop_index("ix_promises_handoff_id", "promises")
    op.drop_table("promises")
