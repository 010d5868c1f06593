"""deepen the domains

A follow-up says which domains it carries; a reading of a side effect stands by itself, with
what it states of onset and end, so that episodes can be made of them in whatever order they came.

Revision: 83b9d4f16e27
Follows: 72a8c3e05d16
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "83b9d4f16e27"
down_revision = "72a8c3e05d16"
branch_labels = None
depends_on = None

_ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_READINGS = "side_effect_readings"


def upgrade() -> None:
    op.add_column(
        "follow_ups",
        sa.Column("domains", sa.String(length=200), nullable=False, server_default=""),
    )
    _fill_domains()
    op.add_column(
        "side_effects",
        sa.Column("from_readings", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    # The ids that readings gave were version 5; clients make versions 4 and 7.
    op.execute(
        "UPDATE side_effects SET from_readings = (1 = 1)"
        " WHERE substr(CAST(id AS VARCHAR(36)), 15, 1) = '5'"
    )
    with op.batch_alter_table(_READINGS) as batch:
        batch.add_column(sa.Column("term", sa.String(length=100), nullable=True))
        batch.add_column(
            sa.Column("said", sa.String(length=600), nullable=False, server_default="")
        )
        batch.add_column(sa.Column("frequency", sa.SmallInteger(), nullable=True))
        batch.add_column(sa.Column("interference", sa.SmallInteger(), nullable=True))
        batch.add_column(sa.Column("onset_on", sa.Date(), nullable=True))
        batch.add_column(sa.Column("ended_on", sa.Date(), nullable=True))
    _fill_readings()
    with op.batch_alter_table(_READINGS) as batch:
        batch.drop_index(op.f("ix_side_effect_readings_clinic_id_record_id"))
        batch.drop_constraint(
            op.f("fk_side_effect_readings_clinic_id_episode_id_side_effects"), type_="foreignkey"
        )
        batch.drop_constraint(op.f("pk_side_effect_readings"), type_="primary")
        batch.drop_column("episode_id")
        batch.alter_column("term", existing_type=sa.String(length=100), nullable=False)
        batch.alter_column("said", existing_type=sa.String(length=600), server_default=None)
        batch.create_primary_key(
            op.f("pk_side_effect_readings"), ["clinic_id", "record_id", "term", "said"]
        )
        batch.create_index(
            op.f("ix_side_effect_readings_clinic_id_patient_id_term_day"),
            ["clinic_id", "patient_id", "term", "day"],
        )


def _fill_domains() -> None:
    """Read from each follow-up's answer which domains it carries."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "UPDATE follow_ups SET domains = coalesce((SELECT (SELECT string_agg(value, ' ')"
            " FROM json_array_elements_text(CAST(j.answer AS json) -> 'domains'))"
            " FROM journal j WHERE j.clinic_id = follow_ups.clinic_id"
            " AND j.record_id = follow_ups.id AND j.version = follow_ups.version"
            " AND j.answer IS NOT NULL), '')"
        )
    else:
        op.execute(
            "UPDATE follow_ups SET domains = coalesce((SELECT (SELECT group_concat(value, ' ')"
            " FROM json_each(j.answer, '$.domains'))"
            " FROM journal j WHERE j.clinic_id = follow_ups.clinic_id"
            " AND j.record_id = follow_ups.id AND j.version = follow_ups.version"
            " AND j.answer IS NOT NULL), '')"
        )


def _fill_readings() -> None:
    """Give each reading its term; what its episode states stands with its first and last."""
    op.execute(
        "UPDATE side_effect_readings SET term = (SELECT s.term FROM side_effects s"
        " WHERE s.clinic_id = side_effect_readings.clinic_id"
        " AND s.id = side_effect_readings.episode_id)"
    )
    op.execute(
        "UPDATE side_effect_readings SET onset_on = (SELECT s.onset_on FROM side_effects s"
        " WHERE s.clinic_id = side_effect_readings.clinic_id"
        " AND s.id = side_effect_readings.episode_id"
        " AND s.from_readings AND NOT s.onset_assumed)"
        " WHERE day = (SELECT min(r.day) FROM side_effect_readings r"
        " WHERE r.clinic_id = side_effect_readings.clinic_id"
        " AND r.episode_id = side_effect_readings.episode_id)"
    )
    op.execute(
        "UPDATE side_effect_readings SET ended_on = (SELECT s.ended_on FROM side_effects s"
        " WHERE s.clinic_id = side_effect_readings.clinic_id"
        " AND s.id = side_effect_readings.episode_id AND s.from_readings)"
        " WHERE day = (SELECT max(r.day) FROM side_effect_readings r"
        " WHERE r.clinic_id = side_effect_readings.clinic_id"
        " AND r.episode_id = side_effect_readings.episode_id)"
    )
    _fill_texts()


def _fill_texts() -> None:
    """Tell one `other` from another by its text; there are few, and only Python folds it alike."""
    effects = sa.table(
        "side_effects",
        *(sa.column(name) for name in ("clinic_id", "id", "version", "term")),
    )
    journal = sa.table(
        "journal", *(sa.column(name) for name in ("clinic_id", "record_id", "version", "body"))
    )
    readings = sa.table(
        "side_effect_readings", *(sa.column(name) for name in ("clinic_id", "episode_id", "said"))
    )
    bind = op.get_bind()
    for row in bind.execute(
        sa.select(effects.c.clinic_id, effects.c.id, journal.c.body)
        .join(
            journal,
            (journal.c.clinic_id == effects.c.clinic_id)
            & (journal.c.record_id == effects.c.id)
            & (journal.c.version == effects.c.version),
        )
        .where(effects.c.term == "other", journal.c.body.is_not(None))
    ).all():
        bind.execute(
            sa.update(readings)
            .where(readings.c.clinic_id == row.clinic_id, readings.c.episode_id == row.id)
            .values(said=json.loads(row.body).get("term_text", "").casefold())
        )


def downgrade() -> None:
    op.add_column(_READINGS, sa.Column("episode_id", _ID, nullable=True))
    op.execute(
        "UPDATE side_effect_readings SET episode_id = (SELECT s.id FROM side_effects s"
        " WHERE s.clinic_id = side_effect_readings.clinic_id"
        " AND s.patient_id = side_effect_readings.patient_id"
        " AND s.term = side_effect_readings.term AND s.status <> 'entered_in_error'"
        " AND s.onset_on <= side_effect_readings.day ORDER BY s.onset_on DESC, s.id LIMIT 1)"
    )
    # What belongs to no episode has no place in the older table.
    op.execute("DELETE FROM side_effect_readings WHERE episode_id IS NULL")
    with op.batch_alter_table(_READINGS) as batch:
        batch.drop_index(op.f("ix_side_effect_readings_clinic_id_patient_id_term_day"))
        batch.drop_constraint(op.f("pk_side_effect_readings"), type_="primary")
        for name in ("term", "said", "frequency", "interference", "onset_on", "ended_on"):
            batch.drop_column(name)
        batch.alter_column("episode_id", existing_type=_ID, nullable=False)
        batch.create_primary_key(
            op.f("pk_side_effect_readings"), ["clinic_id", "episode_id", "day", "record_id"]
        )
        batch.create_foreign_key(
            op.f("fk_side_effect_readings_clinic_id_episode_id_side_effects"),
            "side_effects",
            ["clinic_id", "episode_id"],
            ["clinic_id", "id"],
        )
        batch.create_index(
            op.f("ix_side_effect_readings_clinic_id_record_id"), ["clinic_id", "record_id"]
        )
    # No batch: other tables point at these two, which therefore cannot be made anew.
    op.drop_column("side_effects", "from_readings")
    op.drop_column("follow_ups", "domains")
