"""Teams, what agents can take and whether they are there, and who a hand-off is for."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "teams",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_teams"),
        sa.UniqueConstraint("name", name="uq_teams_name"),
    )
    op.create_table(
        "agents",
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("skills", sa.JSON(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name="pk_agents"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_agents_account_id_accounts"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_agents_team_id_teams"),
    )
    with op.batch_alter_table("handoffs") as batch_op:
        batch_op.add_column(sa.Column("team_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("skill", sa.String(50), nullable=True))
        batch_op.add_column(sa.Column("language", sa.String(8), nullable=True))
        batch_op.create_foreign_key("fk_handoffs_team_id_teams", "teams", ["team_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("handoffs") as batch_op:
        batch_op.drop_constraint("fk_handoffs_team_id_teams", type_="foreignkey")
        batch_op.drop_column("language")
        batch_op.drop_column("skill")
        batch_op.drop_column("team_id")
    op.drop_table("agents")
    op.drop_table("teams")
