"""Dated parameters (日付つきパラメータ): the numbers of the law, one YAML file each, asked for by date.

A file in `parameters/` is named after its id:

    id: long_term_care_rate         English snake_case, equal to the file name
    title: 介護保険料率              Japanese
    meaning: …                      what a value says, to what it applies, in Japanese
    unit: "%"
    source: 健康保険法160条16項       law, notice or publication
    checked_on: 2026-11-22          the day someone last compared the file with its source
    confidence: H                   H settled, M good but partial evidence, L practice varies: a default
    last_valid_on: 2027-02-28       the last day covered; or `open_ended: true`, holds until changed
    values:                         sorted by `from`; each holds until the day before the next
      - from: 2025-03-01
        value: 1.59                 a number, true/false, text, a mapping (quote its keys) or a list (a table)
        until: 2026-02-28           optional, only before a gap, with `gap:` saying why nothing applies then
        gap: …

Numbers come as int, or as Decimal when written with a point. Values are frozen. A date that is not covered is
an error.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from kenpo.base.errors import ParameterError

Scalar = int | Decimal | bool | str | date
Value = Any
"""A Scalar, a read-only mapping of text to Value, or a tuple of Value (a table)."""

_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_ONE_DAY = timedelta(days=1)
_CONFIG = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True)


class _Problem(ValueError):
    """A fault of a parameter file, said in Japanese."""


class DatedValue(BaseModel):
    """One value and the days it applies to (適用期間): `first_day` to `until`, both included.

    `until` is None when the next value, or the parameter's end, decides it.
    """

    model_config = _CONFIG

    first_day: date = Field(alias="from")
    until: date | None = None
    gap: str = ""
    value: Value

    @field_validator("value", mode="after")
    @classmethod
    def _freeze_value(cls, value: object) -> Value:
        return _freeze(value)

    @model_validator(mode="after")
    def _until_is_later(self) -> DatedValue:
        if self.until is not None and self.until < self.first_day:
            raise _Problem(f"until（{self.until}）が from（{self.first_day}）より前です")
        if (self.until is None) != (self.gap == ""):
            raise _Problem(f"{self.first_day} の値：until と gap（空白期間の理由）は組で書きます")
        return self


class Parameter(BaseModel):
    """A parameter of the law (パラメータ) with all its dated values; see the module for the fields."""

    model_config = _CONFIG

    id: str
    title: str = Field(min_length=1)
    meaning: str = Field(min_length=1)
    unit: str = Field(min_length=1)
    source: str = Field(min_length=1)
    checked_on: date
    confidence: Literal["H", "M", "L"]
    open_ended: bool = False
    last_valid_on: date | None = None
    values: tuple[DatedValue, ...] = Field(min_length=1)

    @field_validator("id")
    @classmethod
    def _id_is_snake_case(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise _Problem(f"id「{value}」は英小文字・数字・下線で書きます")
        return value

    @model_validator(mode="after")
    def _dates_fit(self) -> Parameter:
        if self.open_ended == (self.last_valid_on is not None):
            raise _Problem("open_ended: true か last_valid_on の、どちらか一つを書きます")
        for earlier, later in zip(self.values, self.values[1:], strict=False):
            _check_neighbours(earlier, later)
        last = self.values[-1]
        if last.until is not None:
            raise _Problem("最後の値の終わりは until ではなく last_valid_on に書きます")
        if self.last_valid_on is not None and self.last_valid_on < last.first_day:
            raise _Problem(
                f"last_valid_on（{self.last_valid_on}）が最後の値の from（{last.first_day}）より前です"
            )
        return self

    @property
    def first_day(self) -> date:
        """The first day covered (適用開始日)."""
        return self.values[0].first_day

    @property
    def coverage(self) -> str:
        """The days covered, in Japanese: 2020-03-01 から 2027-02-28 まで, with any gaps."""
        end = f" {self.last_valid_on} まで" if self.last_valid_on else "（終わりなし）"
        gaps = "".join(f"、{v.until + _ONE_DAY} からの空白（{v.gap}）を除く" for v in self.values if v.until)
        return f"{self.first_day} から{end}{gaps}"

    def covers(self, on: date) -> bool:
        """Whether a value applies on a day."""
        return self._find(on) is not None

    def at(self, on: date) -> Value:
        """The value on a day: int, Decimal, bool, str, date, a read-only mapping, or a tuple (a table).

        Raises ParameterError when the day is not covered.
        """
        found = self._find(on)
        if found is None:
            raise ParameterError(
                f"「{self.title}」（{self.id}）には {on.isoformat()} に適用する値がありません。"
                f"値があるのは {self.coverage}です。",
                where=f"パラメータ {self.id}（根拠：{self.source}、{self.checked_on} 確認）",
                todo="日付を確かめてください。改定があったときは、根拠を確かめてファイルに新しい値を足してください。",
            )
        return found.value

    def _find(self, on: date) -> DatedValue | None:
        if self.last_valid_on is not None and on > self.last_valid_on:
            return None
        for dated in reversed(self.values):
            if on >= dated.first_day:
                return None if dated.until is not None and on > dated.until else dated
        return None


def value(id: str, on: date) -> Value:
    """The value of a parameter on a day (その日に適用される値).

    Raises ParameterError when the id is unknown or the day is not covered; the message names the parameter,
    the date, the days covered and the source.
    """
    return load(id).at(on)


@lru_cache(maxsize=512)
def load(id: str) -> Parameter:
    """The parameter of an id, from its file. Raises ParameterError if there is none or the file is faulty."""
    known = parameter_ids()
    if id not in known:
        near = difflib.get_close_matches(id, known, n=3)
        raise ParameterError(
            f"「{id}」というパラメータはありません。",
            todo=f"近い名前：{'、'.join(near)}" if near else f"あるのは次のとおりです：{'、'.join(known)}",
        )
    parameter = parse((_folder() / f"{id}.yaml").read_text(encoding="utf-8"), f"{id}.yaml")
    if parameter.id != id:
        raise _bad_file(f"{id}.yaml", f"id「{parameter.id}」がファイル名と違います")
    return parameter


def parameter_ids() -> tuple[str, ...]:
    """The ids of all parameters (パラメータの一覧), sorted."""
    names = (f.name for f in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def all_parameters() -> tuple[Parameter, ...]:
    """All parameters by id, for the documentation and its tests."""
    return tuple(load(id) for id in parameter_ids())


def parse(text: str, file: str) -> Parameter:
    """A parameter from the text of a file named `file`. Raises ParameterError that lists the faults found."""
    try:
        content = yaml.load(text, Loader=_StrictLoader)
        return Parameter.model_validate(content, strict=False)
    except yaml.MarkedYAMLError as error:
        line = f"{error.problem_mark.line + 1}行目：" if error.problem_mark else ""
        raise _bad_file(file, f"{line}{error.problem}") from None
    except ValidationError as error:
        raise _bad_file(file, "／".join(_say(e) for e in error.errors())) from None


def _folder() -> Any:
    return files("kenpo.law") / "parameters"


def _check_neighbours(earlier: DatedValue, later: DatedValue) -> None:
    if later.first_day <= earlier.first_day:
        raise _Problem(f"values が日付順ではありません（{earlier.first_day} の次に {later.first_day}）")
    if earlier.until is None:
        return
    if earlier.until >= later.first_day:
        raise _Problem(f"期間が重なっています（{earlier.until} まで と {later.first_day} から）")
    if earlier.until + _ONE_DAY == later.first_day:
        raise _Problem(f"{earlier.first_day} の値：空白期間がないので until と gap は要りません")


def _freeze(value: object) -> Value:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise _Problem(f"表の見出し {key!r} は引用符で囲んでください（01 は数の 1 になります）")
        return MappingProxyType({key: _freeze(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_freeze(item) for item in value)
    if isinstance(value, float):
        raise _Problem("小数は Decimal で扱います（float は使えません）")
    if not isinstance(value, int | Decimal | bool | str | date):
        raise _Problem(f"値に使えない型です：{type(value).__name__}")
    return value


_REASONS = {
    "missing": "項目がありません",
    "extra_forbidden": "知らない項目です",
    "string_too_short": "空です",
    "too_short": "値が一つもありません",
    "model_type": "項目と値の組になっていません",
    "dict_type": "項目と値の組になっていません",
    "string_type": "文字ではありません",
    "bool_type": "true か false ではありません",
    "bool_parsing": "true か false ではありません",
    "literal_error": "H、M、L のどれかではありません",
    "tuple_type": "並びではありません",
}


def _say(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    problem = error.get("ctx", {}).get("error")
    reason = str(problem) if isinstance(problem, _Problem) else _REASONS.get(error["type"], "")
    if not reason:
        reason = "日付ではありません" if error["type"].startswith("date") else error["msg"]
    return f"{place}：{reason}" if place else reason


def _bad_file(file: str, what: str) -> ParameterError:
    return ParameterError(
        f"パラメータのファイルに誤りがあります。{what}",
        where=f"parameters/{file}",
        todo="ファイルを直してください。書き方は kenpo.law.loader の説明にあります。",
        code="bad_parameter_file",
    )


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML without YAML's surprises: exact decimals, no doubled keys, no 01 → 1, no 1:30 → 90, no yes →
    true.
    """


def _float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    if not re.fullmatch(r"-?[0-9]+\.[0-9]+", node.value):
        raise yaml.constructor.ConstructorError(
            None, None, f"数 {node.value} は 9.91 の形で書きます", node.start_mark
        )
    return Decimal(node.value)


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    if not re.fullmatch(r"-?(0|[1-9][0-9]*)", node.value):
        raise yaml.constructor.ConstructorError(
            None, None, f"数 {node.value} は 5730000 の形で書くか、文字なら引用符で囲みます", node.start_mark
        )
    return int(node.value)


def _bool(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    if node.value not in ("true", "false"):
        raise yaml.constructor.ConstructorError(
            None, None, f"{node.value} は true か false と書くか、引用符で囲みます", node.start_mark
        )
    return node.value == "true"


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in result:
            raise yaml.constructor.ConstructorError(
                None, None, f"項目 {key} が二度あります", key_node.start_mark
            )
        result[key] = loader.construct_object(value_node, deep=True)
    return result


_StrictLoader.add_constructor("tag:yaml.org,2002:float", _float)
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _int)
_StrictLoader.add_constructor("tag:yaml.org,2002:bool", _bool)
_StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping)
