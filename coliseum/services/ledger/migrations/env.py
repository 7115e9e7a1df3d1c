"""Run by alembic: migrates the connection it is handed, and touches no table but the ledger's."""

from alembic import context

from coliseum.services.ledger.schema import VERSION_TABLE, metadata


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    return kind != "table" or name in metadata.tables


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=_is_ours,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
