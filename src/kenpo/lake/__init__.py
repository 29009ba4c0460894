"""lake: canonical tables and the engine behind them (正規テーブルと格納庫)."""

from kenpo.lake.schema import Column, Table
from kenpo.lake.store import Expression, FileEntry, Lake, Part, write_part

__all__ = ["Column", "Expression", "FileEntry", "Lake", "Part", "Table", "write_part"]
