"""Pages made from declarations: data dictionary, measures, worklists, case kinds (データ辞書・指標・対象者リスト・案件の種類)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kenpo.frame import BREAKDOWNS, CaseKind, Clock, Group, Initiative, Level, Measure, Move, Role, staff
from kenpo.frame.content import Input, fields_of
from kenpo.lake.schema import Table
from kenpo.lake.tables import ALL_TABLES
from kenpo.law.loader import all_parameters
from kenpo.plan.vocabulary import terms

_NOTE = "<!-- Made by `make docs` from the declarations. Do not edit. -->\n\n"

_FORMS = {"percent": "分子 ÷ 分母 × 100", "mean": "分子 ÷ 分母", "count": "数（分母なし）"}
_BETTER = {"higher": "高いほどよい", "lower": "低いほどよい", "": "高低だけでは良し悪しを言えない"}


def pages(initiatives: Sequence[Initiative]) -> dict[str, str]:
    """Relative path → content of every page made from declarations."""
    out = {"data-dictionary.md": _dictionary(), "parameters.md": _parameters()}
    for initiative in initiatives:
        for item in initiative.measures:
            out[f"measures/{item.id}.md"] = _measure(initiative, item)
    out["measures/README.md"] = _measures(initiatives)
    out["worklists.md"] = _worklists(initiatives)
    out["casekinds.md"] = _casekinds(initiatives)
    out["kpis.md"] = _kpis({m.id for i in initiatives for m in i.measures})
    return out


def write(folder: Path, initiatives: Sequence[Initiative]) -> list[Path]:
    """Write the pages under a folder; returns their paths."""
    written = []
    for name, text in pages(initiatives).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _dictionary() -> str:
    parts = [_NOTE, "# Data dictionary（データ辞書）\n\n"]
    parts.append("Every table of the lake, from its declaration in `src/kenpo/lake/tables/`.\n\n")
    parts += [f"- [`{t.name}`](#{t.name}) {t.title}\n" for t in ALL_TABLES.values()]
    parts += [_table(t) for t in ALL_TABLES.values()]
    return "".join(parts)


def _table(t: Table) -> str:
    head = f"\n## {t.name}\n\n**{t.title}**　{t.meaning}\n\n"
    facts = []
    if t.key:
        facts.append(f"Key: {', '.join(f'`{k}`' for k in t.key)}")
    if t.partition:
        facts.append(f"Partition: `{t.partition}`")
    if t.source:
        facts.append(f"Source: {t.source}")
    rows = ["| column | type | 名称 | 意味 | 単位 | 出典 | 注意 |\n|---|---|---|---|---|---|---|\n"]
    for c in t:
        name = f"`{c.name}`" + ("" if not c.required else " *")
        cells = (name, c.type, c.title, c.meaning, c.unit, c.source, c.caveat)
        rows.append("| " + " | ".join(_cell(x) for x in cells) + " |\n")
    caveats = "".join(f"\n> {c}\n" for c in t.caveats)
    return (
        head + ("  \n".join(facts) + "\n\n" if facts else "") + "".join(rows) + "\n`*` never NULL\n" + caveats
    )


def _measure(initiative: Initiative, m: Measure) -> str:
    lines = [
        _NOTE,
        f"# {m.title}\n\n",
        f"`{m.id}` · {initiative.title} (`{initiative.pillar}/{initiative.name}`)\n\n",
        f"{m.definition}\n\n",
        f"| | |\n|---|---|\n| 根拠 | {_cell(m.law)} |\n| 値 | {_FORMS[m.form]} |\n| 単位・精度 | {m.unit or 'なし（指数）'}、小数{m.precision}桁（四捨五入） |\n",
        f"| 分子・分母の単位 | {m.quantity} |\n",
        f"| 望ましい方向 | {_BETTER[m.better]} |\n",
        f"| 時期 | {'期間（年度累計ができる）' if m.flow else '月末時点（年度累計はしない）'} |\n",
        f"| 全国の値 | {'支部の合計から' if m.rollup == 'sum' else '全国のデータから計算し直す'} |\n",
        f"| 定義の版 | {m.version} |\n| 対象となる月 | {m.since:%Y-%m} 以降 |\n| なぜ大切か | {_cell(m.why)} |\n\n",
    ]
    if m.reasons:
        lines.append("## 除外\n\n| code | 理由 |\n|---|---|\n")
        lines += [f"| `{code}` | {text} |\n" for code, text in m.reasons.items()]
    if m.parameters:
        lines.append("\n## パラメータ\n\n")
        lines += [f"- [`{p}`](../parameters.md#{p})\n" for p in m.parameters]
    if m.breakdowns:
        lines.append("\n## 内訳（--by）\n\n")
        lines += [f"- `{b}` {BREAKDOWNS[b].title}\n" for b in m.breakdowns]
    lines.append(
        f"\n## 見る\n\n```\nkenpo show {m.id} --branch 13\nkenpo explain {m.id} --branch 13 --month 2024-04 --records\n```\n"
    )
    return "".join(lines)


def _measures(initiatives: Sequence[Initiative]) -> str:
    lines = [_NOTE, "# Measures（指標）\n\n| id | 指標 | 施策 |\n|---|---|---|\n"]
    for i in initiatives:
        lines += [f"| [`{m.id}`]({m.id}.md) | {m.title} | {i.title} |\n" for m in i.measures]
    return "".join(lines)


def _worklists(initiatives: Sequence[Initiative]) -> str:
    lines = [
        _NOTE,
        "# Worklists（対象者リスト）\n\n",
        "Each is a query over the lake: `kenpo worklist <id>`.\n",
    ]
    for w in (w for i in initiatives for w in i.worklists):
        lines.append(f"\n## {w.id}\n\n**{w.title}**　{w.definition}\n\n- 根拠：{w.law}\n")
        lines += [f"- パラメータ：[`{p}`](parameters.md#{p})\n" for p in w.parameters]
        lines.append("\n| column | 見出し |\n|---|---|\n")
        lines += [f"| `{column}` | {title} |\n" for column, title in w.columns.items()]
        lines.append("\n| reason | 理由 |\n|---|---|\n")
        lines += [f"| `{code}` | {text} |\n" for code, text in w.reasons.items()]
    return "".join(lines)


_CLOCKS = {Clock.RUNNING: "進む", Clock.STOPPED: "止まる", Clock.ENDED: "終わり"}
_INPUTS = {
    Input.LINE: "一行",
    Input.TEXT: "文章",
    Input.NUMBER: "整数",
    Input.DECIMAL: "小数",
    Input.DAY: "日付",
    Input.YES_NO: "はい・いいえ",
    Input.MADE: "データから作る",
}


def _casekinds(initiatives: Sequence[Initiative]) -> str:
    lines = [
        _NOTE,
        "# Kinds of case（案件の種類）\n\n",
        "How each kind of work is done, from its declaration in the `cases.py` of its room. "
        "How cases are worked: [design.md](design.md).\n\n",
    ]
    kinds = [(i, k) for i in initiatives for k in i.cases]
    lines += [f"- [`{k.id}`](#{k.id}) {k.title}\n" for _, k in kinds]
    lines += [line for i, k in kinds for line in _casekind(i, k)]
    return "".join(lines)


def _casekind(initiative: Initiative, k: CaseKind) -> Iterator[str]:
    yield f"\n## {k.id}\n\n**{k.title}**　{k.definition}\n\n"
    yield f"- 施策：{initiative.title} (`{initiative.pillar}/{initiative.name}`)\n- 根拠：{k.law}\n"
    yield f"- 担当：{k.group.label}\n- 相手方：{k.subject.label}\n"
    if k.worklist:
        key = "、".join(f"`{c}`" for c in k.key)
        yield f"- 始め方：[`{k.worklist}`](worklists.md#{k.worklist}) から。{key} ごとに一つの案件\n"
    else:
        yield "- 始め方：手で\n"
    if k.deadline:
        days = k.deadline.days
        said = f"[`{days}`](parameters.md#{days})" if isinstance(days, str) else f"{days}"
        begins = f"「{k.state(k.deadline.begins).title}」から" if k.deadline.begins else "受付日の翌日から"
        yield f"- 期限：{begins} {said} 営業日（{k.deadline.source}）\n"
    if k.approval:
        yield f"- 決裁：{' → '.join(f'{s.title}（{_roles(s.roles)}）' for s in k.approval)}\n"
    for letter in k.letters:
        back = f"。戻ったら「{k.move(letter.returned_move).title}」" if letter.returned_move else ""
        yield f"- 通知：`{letter.id}` {letter.title}（根拠：{letter.document.law}）{back}\n"
    for p in k.parameters:
        yield f"- 判断に使うパラメータ：[`{p}`](parameters.md#{p})\n"
    if k.effect:
        of = "、".join(f"[`{m}`](measures/{m}.md)" for m in k.effect.measures)
        yield f"- 効果：{k.effect.title}（`kenpo effect {k.id}`、{of} から）。{k.effect.appears}\n"
    yield f"- 保存期間：終わった年度の翌年度から{k.retention.years}年（{k.retention.ground}）\n- 定義の版：{k.version}\n"
    yield "\n| 内容 | field | 形 | 必須 |\n|---|---|---|---|\n"
    for f in fields_of(k.content):
        form = "／".join(label for _, label in f.choices) if f.choices else _INPUTS[f.input]
        yield f"| {f.title} | `{f.name}` | {form} | {'●' if f.required else ''} |\n"
    yield "\n| 状態 | state | 次にすること | 期限の時計 |\n|---|---|---|---|\n"
    for s in k.states:
        clock = _CLOCKS[s.clock] + ("（進むときは数え直す）" if s.restarts else "")
        yield f"| {s.title} | `{s.id}` | {s.todo} | {clock} |\n"
    yield "\n| 操作 | move | 元の状態 → 先の状態 | できる人 | 条件など |\n|---|---|---|---|---|\n"
    for m in k.moves:
        way = f"{'／'.join(k.state(s).title for s in m.from_states)} → {k.state(m.to).title}"
        yield f"| {m.title} | `{m.id}` | {way} | {_roles(k.roles_of(m))} | {'、'.join(_terms(k, m))} |\n"
    if k.reasons:
        yield "\n| reason | 判断の理由 |\n|---|---|\n"
        yield from (f"| `{r.code}` | {r.text} |\n" for r in k.reasons)


def _terms(k: CaseKind, m: Move) -> Iterator[str]:
    """What a move asks for and brings about."""
    if m.needs_decision:
        yield "そう判断したとき"
    if m.needs_reason:
        yield "理由を書く"
    if m.approval:
        yield f"決裁の段階「{next(s.title for s in k.approval if s.id == m.approval)}」"
    if m.voids_approvals:
        yield "決裁は初めから"
    if m.letter:
        yield f"通知「{k.letter(m.letter).title}」を出す"
    if m.drops_letters:
        yield "まだ出していない通知は出さない"
    if m.reopens:
        yield "終わった案件を再開する"
    if not m.undoable:
        yield "取り消せない"


def _roles(roles: Sequence[Role]) -> str:
    """Roles as staff say them: 保健グループ 確認者以上; a group's highest level alone without 以上."""
    said = []
    for group in Group:
        held = tuple(r for r in roles if r.group == group)
        least = next((level for level in Level if held and set(held) == set(staff(group, level))), None)
        if least and least != Level.APPROVER:
            said.append(f"{group.label} {least.label}以上")
        else:
            said += [r.label for r in held]
    everyone = [f"{g.label} {Level.CLERK.label}以上" for g in Group]
    said = [f"全グループ {Level.CLERK.label}以上"] if said == everyone else said
    return "、".join([*said, *(r.label for r in roles if r.group is None)])


_PATHS = {
    "cumulative": "年度の中で積み上がる",
    "ratio": "年度を通した率",
    "point": "時点の値",
    "done": "実施したか",
}
_KPI_BETTER = {"higher": "高いほどよい", "lower": "低いほどよい", "done": "実施"}


def _kpis(measures: set[str]) -> str:
    lines = [
        _NOTE,
        "# KPIs（KPI語彙）\n\n",
        "Every KPI the plan reader knows, from `src/kenpo/plan/vocabulary.yaml`. ● in 自動計算: kenpo computes it from the lake.\n\n",
        "| id | KPI | 単位・桁 | 良い方向 | 進み方 | 自動計算 | 計画での書き方 |\n|---|---|---|---|---|---|---|\n",
    ]
    for t in terms():
        lines.append(
            f"| `{t.id}` | {t.title} | {t.unit or '－'}・小数{t.precision}桁 | {_KPI_BETTER[t.better]} | {_PATHS[t.path]} | "
            f"{'●' if t.id in measures else ''} | {_cell(t.sentence.replace('{target}', '○○'))} |\n"
        )
    return "".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "、".join(f"{k} {_value(v)}" for k, v in value.items())
    if isinstance(value, tuple):
        return "／".join(_value(v) for v in value)
    return str(value)


def _parameters() -> str:
    lines = [_NOTE, "# Parameters（法令・運用のパラメータ）\n\n"]
    lines.append("From `src/kenpo/law/parameters/`. H 確定、M 概ね確か、L 未公表のため既定値。\n")
    for p in all_parameters():
        lines.append(f"\n## {p.id}\n\n**{p.title}**　{p.meaning}\n\n")
        lines.append(
            f"- 単位：{p.unit}\n- 出典：{p.source}\n- 確認日：{p.checked_on}\n- 確度：{p.confidence}\n- 適用：{p.coverage}\n"
        )
        lines.append("\n| 適用開始 | 値 |\n|---|---|\n")
        lines += [f"| {v.first_day} | {_cell(_value(v.value))} |\n" for v in p.values]
    return "".join(lines)
