"""Every canonical table, by name."""

from kenpo.lake.schema import Table
from kenpo.lake.tables import cases, derived, figures, intake, masters, members, receipts

ALL_TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        *receipts.TABLES,
        *members.TABLES,
        *masters.TABLES,
        *intake.TABLES,
        *derived.TABLES,
        *cases.TABLES,
        *figures.TABLES,
    )
}
