"""KPI sentences (KPIの文): what a plan states of a KPI, read into measure and target; what is unsure is said to be."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from kenpo.plan.amounts import Mark, marks
from kenpo.plan.targets import Target
from kenpo.plan.vocabulary import Hit, Term, hits, known, plain
from kenpo.plan.wording import Wanted, first_target, wanted

_FOOTNOTE = re.compile(
    r"(?:(?<=^)|(?<=[。\n])|(?<=とする)|(?<=する)|(?<=\s))"
    r"(?:[(（]?\s*[※＊]\s*[0-9０-９]*\s*[)）]?|[(（]注\s*[0-9０-９]*[)）]|注\s*[0-9０-９]*\s*[)）:：])"
    r"(?=[^をにはがのと、。0-9０-９%％以）)\s]|\s+[^をにはがのと以])"
)
_NUMBERED = re.compile(
    r"(?:(?<=^)|(?<=[\s　。：:）)】])|(?<=とする)|(?<=する))"
    r"(?P<mark>[①-⑳❶-❿]|[(（][0-9０-９]{1,2}[)）]|[0-9０-９]{1,2}[)）](?![%％])|[ⅰ-ⅹⅠ-Ⅹ][)）.）]|[・•●◆▪➢])"
    r"|^[\s　]*(?P<line>[0-9０-９]{1,2}[.．、](?![0-9０-９])|[ア-ン][)）.．]|[○◎‣■□](?=[^\s数])|[○◎‣■□][\s　])",
    re.MULTILINE,
)
_HEADER = re.compile(
    r"^[■□◆●【<＜\[]?\s*重要業績評価指標\s*(?:[(（]\s*[KＫ][PＰ][IＩ]\s*[)）])?\s*[】>＞\]:：]?|^[\s■□◆●○・【<＜\[(（]*[KＫ]\s*[PＰ]\s*[IＩ]\s*(?:目標|数値目標|[(（]数値目標[)）])?[\s】>＞\])）]*[:：]?\s*"
)
_NONE = re.compile(r"^(?:設定)?(?:なし|無し|-|―|該当なし|設定せず|設定しない)。?$")
_LABELS = re.compile(
    r"(?:(?:令和|平成|R|20)[\d元]+年度末?|KPI|目標値?|実績値?|全国平均|順位|達成状況|参考|単位|[:()%・])+"
)
_TARGET_NOTE = re.compile(r"目標値?[^。]{0,12}?\d[\d,.]*(?:%|円|社|事業所|以[上下])")
_JOINING = re.compile(r"(?:、|,|及び|および|並びに|ならびに|とともに|[をはがのにとで])$")
_BEGINS_ANEW = re.compile(
    r"[\s　]*(?:[①-⑳❶-❿※＊・•▪➢■□●○◆【<＜]|[(（](?:[0-9０-９]{1,2}[)）]|\s*[※＊注])|[0-9０-９]{1,2}[.．)）、](?![0-9０-９]))"
)
_CONDITION = re.compile(r"^(ただし|なお|但し|また、前年度|前年度において|今年度において|当該年度)")
_TOLD = re.compile(
    r"に対し|(となった|となり|となって|であった|でした|達成した|達成し、|上回った|下回った|届かなかった|した)。?$"
)
_AND = re.compile(r"^[(]?(及び|および|並びに|ならびに|と|・|、|,|/|／)")
_SHARED_NAMES = {
    "insured_checkup_rate_total": ("insured_checkup_rate_total", "dependent_checkup_rate"),
    "insured_guidance_rate": ("insured_guidance_rate", "dependent_guidance_rate"),
    "guidance_rate_total": ("insured_guidance_rate", "dependent_guidance_rate"),
}
_EACH = re.compile(r"それぞれ|各々")


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
    doubts: tuple[str, ...] = ()


def kpis_in(passage: str, *, own: Sequence[str] = ()) -> tuple[Stated, ...]:
    """The KPIs a passage states, in order: ①…②…, (1)…(2)…, or several in one sentence; ※ footnotes go to `notes`.

    passage: the text after ■ KPI, as written. own: further words of the passage's surroundings (its heading) that help
    to tell which KPI is meant. What has a target but no KPI of the vocabulary is given with term None.
    """
    return _kpis_in(passage, tuple(own))


@functools.lru_cache(maxsize=8192)
def _kpis_in(passage: str, own: tuple[str, ...]) -> tuple[Stated, ...]:
    out: list[Stated] = []
    for number, piece in numbered(unwrapped(_HEADER.sub("", passage.strip()))):
        body, notes = without_footnotes(piece)
        found = [stated for sentence in sentences(body) for stated in _read(sentence, own)]
        if found:
            out += [replace(s, number=number) for s in found[:-1]]
            last = found[-1]
            if any(_TARGET_NOTE.search(plain(note)) for note in notes):
                last = replace(last, doubts=(*last.doubts, "注に目標の数値が書かれています。"))
            out.append(replace(last, number=number, notes=tuple(notes)))
        elif notes and out:
            out[-1] = replace(out[-1], notes=(*out[-1].notes, *notes))
    return tuple(out)


def says_none(passage: str) -> bool:
    """Whether a passage says that there is no KPI: ■ KPI：なし."""
    return bool(_NONE.match(plain(_HEADER.sub("", passage.strip()))))


def unwrapped(text: str) -> str:
    """A passage whose lines were cut by the width of a page, with the cut lines joined again.

    Lines that only head columns (令和5年度目標　令和3年度実績) are left out.
    """
    out: list[str] = []
    for line in text.split("\n"):
        if _LABELS.fullmatch(plain(line)):
            continue
        if out and line.strip() and _goes_on(out[-1], line):
            out[-1] += line.strip()
        else:
            out.append(line)
    return "\n".join(out)


def _goes_on(before: str, line: str) -> bool:
    """Whether a line goes on with the one before it."""
    if not before.strip() or _BEGINS_ANEW.match(line):
        return False
    if _open_bracket(before) and re.search(r"[)）]", line):
        return True
    if before.rstrip().endswith("。"):
        return False
    if _JOINING.search(before.rstrip()):
        return True
    named = bool(hits(plain(line)))
    if before.lstrip().startswith(("※", "(※", "（※")):
        return not (named and _complete(line))
    last = before.rsplit("。", 1)[-1]
    return not (named and _complete(last) and bool(hits(plain(last))))


def _open_bracket(text: str) -> bool:
    """Whether a bracket stands open at the end of a text."""
    flat = plain(text)
    return flat.count("(") > flat.count(")")


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
    found = list(_NUMBERED.finditer(text))
    if not found:
        return [("", text.strip())]
    parts = [("", text[: found[0].start()].strip())] if text[: found[0].start()].strip() else []
    for mark, following in zip(found, [*found[1:], None], strict=True):
        piece = text[mark.end() : following.start() if following else len(text)].strip()
        if piece:
            parts.append((mark["mark"] or mark["line"], piece))
    return parts


def sentences(piece: str) -> list[str]:
    """Sentences of a part; a proviso (ただし、なお) stays with the sentence it limits, brackets are not cut."""
    out: list[str] = []
    for text in _cut(piece):
        if out and (_CONDITION.match(plain(text)) or not _complete(out[-1])):
            out[-1] += text if out[-1].endswith("。") else " " + text
        else:
            out.append(text)
    return out


def _cut(piece: str) -> list[str]:
    """A text cut behind every 。 and line end that stands outside brackets."""
    out, begin, depth = [], 0, 0
    for at, sign in enumerate(piece):
        if sign in "（(":
            depth += 1
        elif sign in "）)":
            depth = max(0, depth - 1)
        elif sign == "\n" or (sign == "。" and (depth == 0 or not re.search(r"[)）]", piece[at:]))):
            out.append(piece[begin : at + 1].strip())
            begin, depth = at + 1, 0
    return [t for t in (*out, piece[begin:].strip()) if t]


def _complete(sentence: str) -> bool:
    """Whether a sentence states a target, so that what follows is another one."""
    flat = plain(sentence)
    return sentence.endswith("。") or bool(asked(flat)) or bool(re.search(r"(とする|する)$", flat))


def asked(flat: str) -> list[Mark]:
    """The amounts a text names that can be targets."""
    return [m for m in marks(flat) if not m.aside]


def _read(sentence: str, own: Sequence[str]) -> list[Stated]:
    flat = plain(sentence)
    if _TOLD.search(flat) and not re.search(r"とする。?$", flat):
        return []
    named = list(hits(flat))
    if not named:
        return _unnamed(sentence, flat, own)
    if len(named) > 1 and (one := _with_proviso(flat, named)):
        return [_stated(sentence, named[0].term, one)]
    if len(named) > 1 and _EACH.search(flat) and (shared := _one_each(sentence, flat, named)):
        return shared
    if len(named) == 1 and (both := _both(sentence, flat, named[0])):
        return both
    out: list[Stated] = []
    for n, hit in enumerate(named):
        before = flat[named[n - 1].end if n else 0 : hit.start]
        until = named[n + 1].start if n + 1 < len(named) else len(flat)
        read = wanted(flat[hit.end : until], hit.term, whole=flat, before=before)
        if read.target is None and n + 1 < len(named) and _joined(flat[hit.end : named[n + 1].end]):
            read = wanted(flat[named[-1].end :], hit.term, whole=flat)
            if read.target is not None:
                read = read._replace(
                    doubts=(*read.doubts, "2つ以上のKPIに1つの目標が書かれていると読みました。")
                )
        out.append(_stated(sentence, hit.term, read))
    kept = [s for s in out if s.target is not None or s.doubts]
    rest = flat[named[-1].end :]
    ahead = any(m.kind == "amount" for m in marks(flat[: named[0].start]))
    unread = out[:1] if ahead or _asks(rest) else []
    return kept or [replace(s, doubts=("目標が読み取れません。",)) for s in unread]


def _asks(rest: str) -> bool:
    """Whether what follows a KPI's name without a target seems to be meant as one all the same."""
    return not rest.strip("。:") or bool(re.search(r"とする。?$|\d|目標", rest))


def _stated(sentence: str, term: Term, read: Wanted) -> Stated:
    return Stated(sentence, term, read.target, read.baseline, unit=term.unit, doubts=read.doubts)


def _joined(between: str) -> bool:
    """Whether two KPI names are joined by and (及び、並びに、・) with nothing said of the first."""
    return bool(_AND.match(between)) and not asked(between)


def _one_each(sentence: str, flat: str, named: Sequence[Hit]) -> list[Stated] | None:
    """A率、B率をそれぞれ59.9％以上、3.9％以上とする: one target each, in the order of the names."""
    found = asked(flat[named[-1].end :])
    if len(found) != len(named):
        return None
    out = []
    for hit, mark in zip(named, found, strict=True):
        read = wanted(mark.text, hit.term, whole=flat)
        doubts = (*read.doubts, "「それぞれ」の目標を並んでいる順に読みました。")
        out.append(_stated(sentence, hit.term, read._replace(doubts=doubts)))
    return out


def _both(sentence: str, flat: str, hit: Hit) -> list[Stated] | None:
    """健診受診率＜被保険者＞71.3％、＜被扶養者＞33.6％: the name once, a target each for 被保険者 and 被扶養者."""
    insured, dependent = (known(m) for m in _SHARED_NAMES.get(hit.term.id, (None, None)))
    at = flat.find("被扶養者", hit.end)
    if insured is None or dependent is None or at < 0:
        return None
    first, second = flat[hit.end : at], flat[at:]
    if not asked(first) or not asked(second) or (insured is not hit.term and "被保険者" not in first):
        return None
    pairs = ((insured, first), (dependent, second))
    return [_stated(sentence, term, wanted(said.strip("()"), term, whole=flat)) for term, said in pairs]


def _with_proviso(flat: str, named: Sequence[Hit]) -> Wanted | None:
    """One KPI named again in its own proviso: 80%以上とする。ただし、…が80%以上の支部については…."""
    if any(hit.term is not named[0].term for hit in named):
        return None
    read = wanted(flat[named[0].end :], named[0].term, whole=flat)
    first = asked(flat[named[0].end : named[1].start])
    return read if read.target is not None and (first or not read.doubts) else None


def _unnamed(sentence: str, flat: str, own: Sequence[str]) -> list[Stated]:
    """A sentence that names no KPI: that of its heading when that is one alone, or none with a doubt."""
    found = asked(flat)
    if not found and not re.search(r"(する|とする)。?$", flat):
        return []
    around = {hit.term.id: hit.term for text in own for hit in hits(plain(text))}
    if len(around) == 1:
        term = next(iter(around.values()))
        read = wanted(flat, term, whole=flat)
        if read.target is not None:
            doubts = (*read.doubts, "KPIの名前は見出しから補いました。")
            return [_stated(sentence, term, read._replace(doubts=doubts))]
    target, unit = first_target(flat)
    doubt = "語彙にないKPIです。どの指標かを確かめてください。"
    return [Stated(sentence, None, target, unit=unit, doubts=(doubt,))]
