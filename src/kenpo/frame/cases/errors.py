"""The refusals of case work (案件の操作の断り)."""

from __future__ import annotations

from kenpo.base.errors import KenpoError


class CaseError(KenpoError):
    """A case cannot be opened, changed or read (案件を開けない、変えられない、読めない); the code says why."""

    code = "case_error"
    exit_code = 8
