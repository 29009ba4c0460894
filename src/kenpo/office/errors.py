"""The errors of the office (案件システムの誤り)."""

from __future__ import annotations

from kenpo.base.errors import KenpoError


class OfficeError(KenpoError):
    """The office cannot start or go on: settings, database, keys or files (案件システムの異常)."""

    code = "office_error"
    exit_code = 9
