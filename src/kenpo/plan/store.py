"""Plan files (計画ファイル): one readable YAML file per plan and one per period, in a folder.

35-2021.yaml is the plan, 35-2021.2021Q1.yaml its progress. A file written here reads back as the same plan, and writing
that again gives the same bytes. Only what differs from the default is written; figures keep the digits they were
printed with. A file of a person's making may be in any order and may hold comments.

Who changes a plan, in the office or in the terminal, holds its lock (`Plans.locked`) from reading the file to writing it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined

from kenpo.base.errors import ArgumentError, InputFileError, KenpoError
from kenpo.plan.model import Plan, Progress

_HEADERS = {Plan: "kenpo-plan/1", Progress: "kenpo-progress/1"}
_TITLES = {Plan: "計画", Progress: "進捗"}
_WIDTH = 10_000
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_Held = TypeVar("_Held", Plan, Progress)

_WHATS = {
    "missing": "必要な項目がありません。",
    "extra_forbidden": "知らない項目です。綴りを確かめてください。",
    "int_parsing": "整数ではありません。",
    "decimal_parsing": "数値ではありません。",
    "bool_parsing": "true か false を書いてください。",
    "date_parsing": "日付ではありません。2023-09-30 のように書いてください。",
    "date_from_datetime_parsing": "日付ではありません。2023-09-30 のように書いてください。",
    "union_tag_invalid": "目標の種類（kind）が正しくありません。",
    "union_tag_not_found": "目標の種類（kind）がありません。",
    "tuple_type": "「- 」で始まる並びにしてください。",
    "string_type": "文字で書いてください。",
    "model_type": "項目と値の組にしてください。",
}


class PlanError(KenpoError):
    """A plan file cannot be used, or a finished report would be changed (計画ファイルの異常、確定済みの変更)."""

    code = "plan_error"
    exit_code = 7


class _Dumper(yaml.SafeDumper):
    """Lists indented under their key; texts of several lines as blocks; figures with their digits."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """The same figure in two places is written twice: a reference (&id001) is nothing for people."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _decimal(dumper: yaml.SafeDumper, value: Decimal) -> yaml.ScalarNode:
    kind = "float" if "." in f"{value:f}" else "int"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", f"{value:f}")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Decimal, _decimal)


def to_yaml(held: Plan | Progress) -> str:
    """A plan or progress as the text of its file."""
    data = {"format": _HEADERS[type(held)], **_data(held)}
    return yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=_WIDTH)


def _data(model: BaseModel) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        default = info.get_default(call_default_factory=True, validated_data={})
        if name != "kind" and default is not PydanticUndefined and value == default:
            continue
        out[name] = _value(value)
    return out


def _value(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _data(value)
    if isinstance(value, tuple):
        return [_value(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _value(v) for k, v in value.items()}
    return value.value if isinstance(value, Enum) else value


def from_yaml(text: str, kind: type[_Held], where: str) -> _Held:
    """The plan or progress a text holds. Raises InputFileError that names the place and what is wrong there."""
    try:
        data = yaml.load(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{mark.line + 1}行目" if mark else ""
        raise InputFileError(
            f"{_TITLES[kind]}ファイルの書き方（YAML）が正しくありません。",
            where=f"{where} {line}".strip(),
            todo="字下げと「: 」「- 」を確かめてください。",
            code="bad_yaml",
        ) from error
    if not isinstance(data, dict) or data.pop("format", None) != _HEADERS[kind]:
        raise InputFileError(
            f"kenpo の{_TITLES[kind]}ファイルではありません。",
            where=where,
            todo=f"1行目に「format: {_HEADERS[kind]}」が要ります。文書は「kenpo plan read」で読み取れます。",
            code="not_a_plan",
        )
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise InputFileError(
            f"{_TITLES[kind]}ファイルに正しくない項目があります。\n" + "\n".join(_faults(error)),
            where=where,
            todo="上の項目を直してください。",
            code="bad_plan",
        ) from error


def _faults(error: ValidationError) -> list[str]:
    return [f"・{_place(fault['loc'])}：{_what(fault)}" for fault in error.errors()[:20]]


def _place(steps: tuple[int | str, ...]) -> str:
    """pillars の 2番目 の kpis …: the way to an item, counted from 1."""
    return " の ".join(f"{s + 1}番目" if isinstance(s, int) else s for s in steps) or "全体"


def _what(fault: Any) -> str:
    said = _WHATS.get(fault["type"])
    if said:
        return said
    if fault["type"] in ("literal_error", "enum"):
        return f"{fault['ctx']['expected'].replace(' or ', '、')} のいずれかを書いてください。"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    return f"値「{fault['input']}」が正しくありません。"


def seal(progress: Progress) -> str:
    """The mark of what a report says (封印): sha256 over all of it but the freezes themselves."""
    said = to_yaml(progress.model_copy(update={"events": ()}))
    return hashlib.sha256(said.encode()).hexdigest()


class Plans:
    """A folder of plan files (計画の置き場)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, folder: Path) -> Plans:
        """The plans of a folder that is there. Raises ArgumentError when it is not."""
        if not folder.is_dir():
            raise ArgumentError(
                "計画の置き場がありません。",
                where=str(folder),
                todo="--plans で指定するか、「kenpo plan read 文書」で計画を読み取ってください。",
            )
        return cls(folder)

    def ids(self) -> list[str]:
        """The ids of all plans, in order."""
        return sorted(
            p.stem for p in self.folder.glob("*.yaml") if re.fullmatch(r"\d\d-\d{4}(-\d{4})?", p.stem)
        )

    def periods(self, plan: str) -> list[str]:
        """The periods a plan has progress of, in order of time."""
        found = (p.name[len(plan) + 1 : -len(".yaml")] for p in self.folder.glob(f"{plan}.*.yaml"))
        return sorted((p for p in found if re.fullmatch(r"\d{4}(H[12]|Q[1-4])?", p)), key=_period_order)

    def plan(self, name: str) -> Plan:
        """A plan by its id. Raises ArgumentError that lists what there is, and InputFileError for a bad file."""
        path = self.path(name)
        if not path.is_file():
            listed = "、".join(self.ids()) or "（まだありません）"
            raise ArgumentError(
                f"計画「{name}」がありません。", where=str(self.folder), todo=f"ある計画：{listed}"
            )
        return _named(from_yaml(_read(path), Plan, str(path)), path)

    def progress(self, plan: str, period: str) -> Progress:
        """The progress of a period; a new, empty one when there is none yet.

        Raises PlanError when a finished report was changed outside kenpo.
        """
        held = self.unsealed(plan, period)
        if held.frozen and held.events[-1].seal != seal(held):
            raise PlanError(
                "確定済みの進捗報告が、確定した後に書き換えられています。",
                where=str(self.path(plan, period)),
                todo="控えから元に戻すか、「kenpo plan reopen」で理由を記して確定を取り消してください。",
                code="seal_broken",
            )
        return held

    def unsealed(self, plan: str, period: str) -> Progress:
        """As `progress`, without looking at the seal: only to take back the freeze of a report that was changed."""
        path = self.path(plan, period)
        if not path.is_file():
            return Progress(plan=plan, period=period)
        return from_yaml(_read(path), Progress, str(path))

    @contextmanager
    def locked(self, *plans: str) -> Iterator[None]:
        """Change the files of some plans while nobody else on this machine does (順番待ち); waits for whoever was first.

        What is to be changed must be read within, or what somebody else wrote meanwhile is lost.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            for plan in sorted(set(plans)):
                # Opened to read: whoever made the file, everybody may lock it.
                lock = os.open(self.folder / f".{plan}.lock", os.O_RDONLY | os.O_CREAT, 0o644)
                held.callback(os.close, lock)
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def save(self, held: Plan | Progress) -> Path:
        """Write a plan or progress, whole or not at all; who changes what is there does so within `locked`.

        Raises PlanError when it would change a finished report: `freezing` alone adds freezes and takes them back.
        """
        if isinstance(held, Progress):
            path = self.path(held.plan, held.period)
            before = self.unsealed(held.plan, held.period) if path.is_file() else None
            if before and before.frozen and held != before and not _reopens(held, before):
                raise PlanError(
                    "確定済みの進捗報告は変更できません。",
                    where=str(path),
                    todo="変更するには「kenpo plan reopen」で理由を記して確定を取り消してください。",
                    code="frozen",
                )
        else:
            path = self.path(held.id)
        self.folder.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f".{path.name}.new")
        made.write_text(to_yaml(held), encoding="utf-8")
        made.replace(path)
        return path

    def path(self, plan: str, period: str = "") -> Path:
        """The file of a plan, or of its progress in a period."""
        return self.folder / (f"{plan}.{period}.yaml" if period else f"{plan}.yaml")


def _reopens(held: Progress, before: Progress) -> bool:
    """Whether a report takes back the freeze of the one before it, and keeps the record of what happened."""
    told = len(before.events)
    return held.events[:told] == before.events and [e.what for e in held.events[told : told + 1]] == [
        "reopened"
    ]


def _period_order(period: str) -> tuple[str, int]:
    return period[:4], ["Q1", "Q2", "H1", "Q3", "Q4", "H2", ""].index(period[4:])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(
            "計画ファイルを読めません。",
            where=str(path),
            todo="UTF-8 の文字で書かれているか確かめてください。",
            code="unreadable",
        ) from error


def _named(plan: Plan, path: Path) -> Plan:
    if plan.id != path.stem:
        raise InputFileError(
            f"ファイルの名前が計画の支部・年度（{plan.id}）と合いません。",
            where=str(path),
            todo=f"ファイルの名前を {plan.id}.yaml にするか、支部・年度を直してください。",
            code="bad_plan",
        )
    return plan


def today() -> date:
    """The day on the clock; of its own, so that tests can say which day it is."""
    return date.today()
