"""Since when a hand-off is offered, whom the desk gave it to, and who was away."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("handoffs") as batch_op:
        batch_op.add_column(sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("lost_by", sa.String(32), nullable=True))
    op.execute("UPDATE handoffs SET queued_at = requested_at")
    with op.batch_alter_table("handoffs") as batch_op:
        batch_op.alter_column("queued_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    for name in ("lost_by", "pushed_at"):
        there = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_handoffs_{name}", "handoffs", [name], sqlite_where=there, postgresql_where=there)
    with op.batch_alter_table("agents") as batch_op:
        batch_op.add_column(sa.Column("given_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("agents") as batch_op:
        batch_op.drop_column("given_at")
    for name in ("lost_by", "pushed_at"):
        op.drop_index(f"ix_handoffs_{name}", "handoffs")
    with op.batch_alter_table("handoffs") as batch_op:
        batch_op.drop_column("lost_by")
        batch_op.drop_column("pushed_at")
        batch_op.drop_column("queued_at")
