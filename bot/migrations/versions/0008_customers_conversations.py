"""A customer's conversations without the time of the last message, which every message would write anew."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_conversations_customer_id", "conversations", ["customer_id"])
    op.drop_index("ix_conversations_customer_id_updated_at", "conversations")


def downgrade() -> None:
    op.create_index("ix_conversations_customer_id_updated_at", "conversations", ["customer_id", "updated_at"])
    op.drop_index("ix_conversations_customer_id", "conversations")
