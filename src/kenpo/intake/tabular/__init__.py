"""Reading of headed tables (見出しのある表): CSV and xlsx files whose first row names their columns.

`headings` finds which declared file it is, `lines` cuts a CSV into blocks of whole records, `workbook` reads an xlsx,
`cells` reads texts as the declared types, `findings` collects what is rejected or flagged.
"""
