"""Every canonical table, by name."""

from kenpo.lake.schema import Table
from kenpo.lake.tables import figures, intake, masters, receipts

ALL_TABLES: dict[str, Table] = {
    table.name: table for table in (*receipts.TABLES, *masters.TABLES, *intake.TABLES, *figures.TABLES)
}
