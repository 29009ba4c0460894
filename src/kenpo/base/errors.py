"""The error family. A message says what happened, where, and what to do: Japanese for people, a code for machines."""

from __future__ import annotations


class KenpoError(Exception):
    """An error meant for the person at the keyboard; shown without a traceback.

    `code` is stable and documented in docs/errors.md. `exit_code` is what the CLI ends with.
    """

    code = "kenpo_error"
    exit_code = 1

    def __init__(self, what: str, *, where: str = "", todo: str = "", code: str | None = None) -> None:
        self.what = what
        self.where = where
        self.todo = todo
        if code is not None:
            self.code = code
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The whole Japanese message: what happened, where (場所), what to do (対処)."""
        parts = [self.what]
        if self.where:
            parts.append(f"場所：{self.where}")
        if self.todo:
            parts.append(f"対処：{self.todo}")
        return "\n".join(parts)


class ArgumentError(KenpoError):
    """The person asked for something that does not exist or cannot be read (指定の誤り)."""

    code = "bad_argument"
    exit_code = 2


class InputFileError(KenpoError):
    """A whole input file cannot be taken in (ファイルを取り込めない)."""

    code = "bad_file"
    exit_code = 3


class LakeError(KenpoError):
    """The lake is missing, locked, damaged or of another key (データの置き場の異常)."""

    code = "lake_error"
    exit_code = 4


class ParameterError(KenpoError):
    """A dated parameter is unknown or not covered on the date asked for (パラメータの適用日外)."""

    code = "parameter_error"
    exit_code = 5


class MeasureError(KenpoError):
    """A figure cannot be computed or explained (指標を計算・説明できない)."""

    code = "measure_error"
    exit_code = 6


class NotLoaded(MeasureError):
    """What a figure is made of is not in the lake yet (計算に必要なデータが取り込まれていない)."""

    code = "not_loaded"
