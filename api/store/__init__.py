"""Everything that speaks SQL: tables, migrations, the embedded cluster, one module per act on the data."""
