"""KPI sentences (KPIの文): what a plan states of a KPI, read into measure and target; what is unsure is said to be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from kenpo.plan.targets import (
    AtLeast,
    AtMost,
    BranchSpecific,
    Done,
    Generic80,
    NotAboveLastYear,
    NotBelowLastYear,
    SingleBid,
    Target,
)
from kenpo.plan.vocabulary import Hit, Term, hits, plain

NUMBER = r"(?<![\d.,])\d[\d,]*(?:\.\d+)?"
UNIT = r"(?:%|パーセント|円|事業所|支部|社|件|日|位|人|者|か所)"
_MARK = r"(?:\(※\d*\)|※\d*|\(注\d*\))?"

_LAST_YEAR = re.compile(
    rf"(?:対?前年度(?:実績)?(?P<end>末)?(?:実績|の実績|の水準|の値|比)?(?:[(](?P<inside>{NUMBER}){UNIT}?(?:以[上下])?[)])?(?:を)?)"
    rf"(?:より)?(?P<way>以上|以下|超|を上回|上回|を下回|下回|向上|増加|引き?上げ|低下|減少|引き?下げ|維持)"
    rf"(?:[(](?P<after>{NUMBER}){UNIT}?(?:以[上下]|以内)?[)])?"
)
_AMOUNT = re.compile(
    rf"(?P<number>{NUMBER})(?P<unit>{UNIT})?{_MARK}(?P<way>以上|以下|以内|未満|超|を超え|を上回|を下回|を維持|とする|を達成|台)?"
)
_FOOTNOTE = re.compile(
    r"(?:(?<=^)|(?<=[。\n])|(?<=とする)|(?<=する)|(?<=\s))[(（]?\s*[※＊]\s*[0-9０-９]*\s*[)）]?(?=[^をにはがのと、。0-9０-９%％以）)\s]|\s+[^をにはがのと以])"
)
_NUMBERED = re.compile(
    r"(?:(?<=^)|(?<=[\s　。：:）)】])|(?<=とする)|(?<=する))"
    r"(?P<mark>[①-⑳]|[(（][0-9０-９]{1,2}[)）]|[0-9０-９]{1,2}[)）](?![%％])|[ⅰ-ⅹⅠ-Ⅹ][)）.]|[・●◆])"
)
_HEADER = re.compile(r"^[\s■□◆●○・【<＜\[]*[KＫ]\s*[PＰ]\s*[IＩ]\s*(?:目標|数値目標)?[\s】>＞\]]*[:：]?\s*")
_WRAPPED = re.compile(r"(?<![。\n])\n(?=[\s　]*[^\s　①-⑳(（※＊・■□●○◆【<＜0-9０-９])")
_BRANCHES = re.compile(r"全支部")
_EVERY_MONTH = re.compile(r"毎月|月1回以上")
_DOING = re.compile(r"(実施|開始|発信|開催|行う|行い|働きかけ|運用|推進|取り?組)")
_OWN_TARGET = re.compile(r"支部(ごと|毎|別)(に|の)?.{0,12}(設定|目標)")
_UNLESS_ABOVE = re.compile(rf"ただし.*?({NUMBER})%以上の(支部|場合).*?前年度末?(時点)?(対前年度)?.*?以上")
_SINGLE_LAST_YEAR = re.compile(
    r"前年度(において|に|が|の割合が|実績が)?.{0,24}以下(となった|の|だった|である)?.*?前年度以下"
)
_SINGLE_FEW = re.compile(
    r"入札(件数)?が?(?P<few>\d+)件以下.*?一者応札(件数|案件)?(を|は)?(?P<limit>\d+)件以下"
)
_CONDITION = re.compile(r"^(ただし|なお|但し|また、前年度|前年度において|今年度において|当該年度)")


@dataclass(frozen=True)
class Stated:
    """A KPI as a passage states it. measure and term are None when the vocabulary does not know it.

    doubts: what a person should check, in Japanese; empty when the passage says it plainly.
    """

    text: str
    term: Term | None
    target: Target | None
    baseline: Decimal | None = None
    number: str = ""
    unit: str = ""
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = field(default=())


def kpis_in(passage: str, *, own: Sequence[str] = ()) -> list[Stated]:
    """The KPIs a passage states, in order: ①…②…, (1)…(2)…, or several in one sentence; ※ footnotes go to `notes`.

    passage: the text after ■ KPI, as written. own: further words of the passage's surroundings (its heading) that help
    to tell which KPI is meant. What has a target but no KPI of the vocabulary is given with term None.
    """
    out: list[Stated] = []
    for number, piece in numbered(_WRAPPED.sub("", _HEADER.sub("", passage.strip()))):
        body, notes = without_footnotes(piece)
        found = [stated for sentence in _sentences(body) for stated in _read(sentence, own)]
        if found:
            out += [replace(s, number=number) for s in found[:-1]]
            out.append(replace(found[-1], number=number, notes=tuple(notes)))
        elif notes and out:
            out[-1] = replace(out[-1], notes=(*out[-1].notes, *notes))
    return out


def without_footnotes(text: str) -> tuple[str, list[str]]:
    """A passage without its ※ footnotes, and the footnotes. A ※ that only points to one stays where it is."""
    notes: list[str] = []
    out = ""
    at = 0
    while match := _FOOTNOTE.search(text, at):
        begin = match.start()
        following = _NUMBERED.search(text, match.end())
        line_end = text.find("\n", match.end())
        ends = [e for e in (following.start() if following else -1, line_end) if e >= 0]
        end = min(ends, default=len(text))
        out += text[at:begin]
        notes.append(text[begin:end].strip())
        at = end
    return (out + text[at:]).strip(), notes


def numbered(text: str) -> list[tuple[str, str]]:
    """The numbered parts of a passage: (①, text), … ; one part without a number when there are none."""
    marks = list(_NUMBERED.finditer(text))
    if not marks:
        return [("", text.strip())]
    parts = [("", text[: marks[0].start()].strip())] if text[: marks[0].start()].strip() else []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        piece = text[mark.end() : following.start() if following else len(text)].strip()
        if piece:
            parts.append((mark["mark"], piece))
    return parts


def _sentences(piece: str) -> list[str]:
    """Sentences of a part; a proviso (ただし、なお) stays with the sentence it limits."""
    out: list[str] = []
    for sentence in re.split(r"(?<=。)(?![)）])|\n", piece):
        text = sentence.strip()
        if not text:
            continue
        if out and (_CONDITION.match(plain(text)) or not _complete(out[-1])):
            out[-1] += text if out[-1].endswith("。") else " " + text
        else:
            out.append(text)
    return out


def _complete(sentence: str) -> bool:
    """Whether a sentence states a target, so that what follows is another one."""
    flat = plain(sentence)
    return sentence.endswith("。") or bool(_target_marks(flat)) or bool(re.search(r"とする$|する$", flat))


def _target_marks(flat: str) -> list[re.Match[str]]:
    found = [*_LAST_YEAR.finditer(flat)]
    taken = [m.span() for m in found]
    for match in _AMOUNT.finditer(flat):
        if match["way"] is None and match["unit"] is None:
            continue
        if not any(begin < match.end() and match.start() < end for begin, end in taken):
            found.append(match)
    return sorted(found, key=lambda m: m.start())


def _read(sentence: str, own: Sequence[str]) -> list[Stated]:
    flat = plain(sentence)
    named = hits(flat)
    if not named:
        return _unnamed(sentence, flat, own)
    if len(named) > 1 and (one := _with_proviso(flat, named)):
        return [Stated(sentence, one[0], *one[1:], unit=one[0].unit)]
    out: list[Stated] = []
    for n, hit in enumerate(named):
        until = named[n + 1].start if n + 1 < len(named) else len(flat)
        target, baseline, doubts = target_of(flat[hit.end : until], hit.term, whole=flat)
        if target is None and n + 1 < len(named) and _joined(flat[hit.end : named[n + 1].end]):
            target, baseline, doubts = target_of(flat[named[-1].end :], hit.term, whole=flat)
            if target is not None:
                doubts = (*doubts, "2つ以上のKPIに1つの目標が書かれていると読みました。")
        out.append(Stated(sentence, hit.term, target, baseline, unit=hit.term.unit, doubts=doubts))
    kept = [s for s in out if s.target is not None]
    if not kept:
        return [Stated(s.text, s.term, None, doubts=("目標が読み取れません。",)) for s in out[:1]]
    return kept


def _joined(between: str) -> bool:
    """Whether two KPI names are joined by and (及び、並びに、・) with nothing said of the first."""
    return bool(re.match(r"^(及び|および|並びに|ならびに|と|・|、|,)", between)) and not _target_marks(
        between
    )


def _with_proviso(flat: str, named: Sequence[Hit]) -> tuple[Term, Target, Decimal | None] | None:
    """One KPI named again in its own proviso: 80%以上とする。ただし、…が80%以上の支部については…."""
    if any(hit.term is not named[0].term for hit in named):
        return None
    target, baseline, doubts = target_of(flat[named[0].end :], named[0].term, whole=flat)
    return (named[0].term, target, baseline) if target is not None and not doubts else None


def _unnamed(sentence: str, flat: str, own: Sequence[str]) -> list[Stated]:
    """A sentence that names no KPI: that of its heading when that is one alone, or none with a doubt."""
    if not _target_marks(flat) and not re.search(r"(する|とする)。?$", flat):
        return []
    around = {hit.term.id: hit.term for text in own for hit in hits(plain(text))}
    if len(around) == 1:
        term = next(iter(around.values()))
        target, baseline, doubts = target_of(flat, term, whole=flat)
        if target is not None:
            return [
                Stated(
                    sentence,
                    term,
                    target,
                    baseline,
                    unit=term.unit,
                    doubts=(*doubts, "KPIの名前は見出しから補いました。"),
                )
            ]
    marks = _target_marks(flat)
    target = _one(marks[-1], None)[0] if marks else (Done() if _DOING.search(flat) else None)
    unit = (marks[-1].groupdict().get("unit") or "") if marks else ""
    doubt = "語彙にないKPIです。どの指標かを確かめてください。"
    return [Stated(sentence, None, target, unit=unit, doubts=(doubt,))]


def target_of(said: str, term: Term, *, whole: str) -> tuple[Target | None, Decimal | None, tuple[str, ...]]:
    """The target that stands after a KPI's name: target, stated baseline, doubts.

    said: the text after the name, plain. whole: the whole sentence, plain, for words that stand before the name.
    """
    if term.better == "done":
        if not _DOING.search(whole):
            return None, None, ()
        every = bool(_EVERY_MONTH.search(whole))
        return Done(every_month=every, all_branches=bool(_BRANCHES.search(whole))), None, ()
    if term.id == "single_bid_rate":
        return _single_bid(said)
    marks = _target_marks(said)
    if _OWN_TARGET.search(said):
        value = next((m for m in marks if "number" in m.groupdict()), None)
        return BranchSpecific(value=_number(value["number"]) if value else None), None, ()
    if term.id == "generic_volume_share" and (clause := _UNLESS_ABOVE.search(said)):
        first = next((m for m in marks if "number" in m.groupdict()), None)
        value = _number(first["number"]) if first else _number(clause[1])
        return Generic80(value=value), None, ()
    if not marks:
        return None, None, ()
    target, baseline, doubts = _one(marks[0], term)
    year_end = isinstance(target, NotBelowLastYear) and (
        target.year_end or bool(re.search(r"年度末(時点)?", whole[: whole.find("前年度") + 1 or None]))
    )
    if isinstance(target, NotBelowLastYear) and year_end:
        target = NotBelowLastYear(value=target.value, year_end=True)
    others = [m for m in marks[1:] if m["way"] and not _same(m, marks[0])]
    if isinstance(target, NotBelowLastYear | NotAboveLastYear) and target.value is None and marks[1:]:
        # 対前年度以上とする（0.292%以上）: the number that follows is the baseline.
        stated = next((m for m in marks[1:] if m.groupdict().get("number")), None)
        if stated is not None and re.search(r"[(]$", said[: stated.start()]):
            baseline = _number(stated["number"])
            target = target.model_copy(update={"value": baseline})
            others = [m for m in others if m is not stated]
    if others and not doubts:
        doubts = ("目標が2つ以上書かれています。1つ目を採りました。",)
    return target, baseline, doubts


def _same(a: re.Match[str], b: re.Match[str]) -> bool:
    return a.group(0) == b.group(0)


def _single_bid(said: str) -> tuple[Target | None, Decimal | None, tuple[str, ...]]:
    marks = _target_marks(said)
    if not marks:
        return None, None, ()
    few, last_year = _SINGLE_FEW.search(said), _SINGLE_LAST_YEAR.search(said)
    first = marks[0]
    if few is None and last_year is None:
        return _one(first, None, lower=True)
    value = first.groupdict().get("number")
    if value is None:
        return None, None, ("一者応札の目標を読み取れません。",)
    return (
        SingleBid(
            value=_number(value),
            few=int(few["few"]) if few else 0,
            few_limit=int(few["limit"]) if few else 0,
            not_above_last_year=last_year is not None,
        ),
        None,
        (),
    )


def _one(
    mark: re.Match[str], term: Term | None, *, lower: bool = False
) -> tuple[Target | None, Decimal | None, tuple[str, ...]]:
    lower = lower or (term is not None and term.better == "lower")
    groups = mark.groupdict()
    if "number" not in groups:
        stated = groups["inside"] or groups["after"]
        value = _number(stated) if stated else None
        way = groups["way"]
        doubts: tuple[str, ...] = ()
        if way in ("以下", "を下回", "下回", "低下", "減少", "引下げ", "引き下げ"):
            target: Target = NotAboveLastYear(value=value)
        elif way == "維持":
            target = NotAboveLastYear(value=value) if lower else NotBelowLastYear(value=value)
        else:
            target = NotBelowLastYear(value=value, year_end=bool(groups["end"]))
        if way not in ("以上", "以下", "維持"):
            doubts = (f"「{mark.group(0)}」を対前年度の目標と読みました。",)
        if term is not None and isinstance(target, NotAboveLastYear) != lower:
            doubts = (*doubts, "このKPIの良い方向と目標の向きが逆です。")
        return target, value, doubts
    value = _number(groups["number"])
    way = groups["way"] or ""
    if way in ("以下", "以内", "未満", "を下回"):
        target = AtMost(value=value)
    elif way in ("以上", "超", "を超え", "を上回"):
        target = AtLeast(value=value)
    else:
        target = AtMost(value=value) if lower else AtLeast(value=value)
    doubts = (
        ("「未満」「超」は境の値を含まない目標です。",)
        if way in ("未満", "超", "を超え", "を上回", "を下回")
        else ()
    )
    if term is not None and isinstance(target, AtMost) != lower:
        doubts = (*doubts, "このKPIの良い方向と目標の向きが逆です。")
    if term is not None and groups["unit"] and not _fits(groups["unit"], term):
        doubts = (*doubts, f"単位「{groups['unit']}」がこのKPIの単位「{term.unit}」と違います。")
    return target, None, doubts


def _fits(unit: str, term: Term) -> bool:
    same = {"パーセント": "%", "社": "事業所", "件": "事業所", "か所": "事業所"}
    return unit == term.unit or same.get(unit) == term.unit


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))
