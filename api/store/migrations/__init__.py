"""Alembic migrations. Revisions are frozen: they import no live module of OneGrid."""
