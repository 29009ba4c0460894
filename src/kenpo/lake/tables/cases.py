"""Tables of cases (案件): the snapshot of what staff did, brought back from the office, so that measures can use it.

A snapshot replaces the one before as a whole (`kenpo.frame.caselake`). People are there as keyed hashes (相手方) and roles
(職員) only; no free text comes in.
"""

from kenpo.lake.schema import Column, Table, lineage
from kenpo.lake.tables import members as m

SNAPSHOT = "office"
"""format of the intake_file that stands for the snapshot (案件データ)."""

_CODE = "[0-9A-Za-z_:-]{1,60}"


def _code(name: str, title: str, meaning: str = "", *, required: bool = False) -> Column:
    """A column of codes: nothing anybody typed fits."""
    return Column(name, "string", title, meaning, required=required, pattern=_CODE)


_CASE_ID = _code("case_id", "案件ID", "種類・支部・対象から作る識別子", required=True)
_KIND = _code("kind", "案件の種類", required=True)

OFFICE_CASE = Table(
    "office_case",
    "案件",
    "案件1つ、または対照群の1人につき1行。案件データを取った時点の状態。",
    (
        *lineage(),
        _CASE_ID,
        m.BRANCH,
        _KIND,
        Column(
            "subject_kind",
            "string",
            "相手方の種類",
            "member 加入者／workplace 事業所／institution 医療機関・薬局／none なし",
            required=True,
            codes={
                "member": ("加入者",),
                "workplace": ("事業所",),
                "institution": ("医療機関・薬局",),
                "none": ("なし",),
            },
        ),
        Column(
            "subject",
            "string",
            "相手方",
            "加入者ID、事業所記号または医療機関コード",
            caveat="加入者は鍵付きハッシュだけ。氏名・番号は入らない",
        ),
        Column(
            "arm",
            "string",
            "群",
            "case 働きかける群／control 対照群（くじで案件を始めなかった人）",
            required=True,
            codes={"case": ("働きかける群",), "control": ("対照群",)},
        ),
        _code("reason", "対象となった理由", "対象者リストの理由コード"),
        _code("worklist", "対象者リスト", "始めたもとの対象者リスト。届出・申請で始めた案件は空"),
        Column("list_month", "month", "リストの月", "対象者リストの行の月"),
        _code("state", "状態", "案件の種類が定める状態。対照群は空"),
        Column("received_on", "date", "受付日", "期限を数える起点。対照群は、くじを引いた日", required=True),
        Column("due_on", "date", "期限の日", "期限がない、または止まっている案件は空"),
        Column("ended_on", "date", "終わった日", "終わっていない案件は空"),
        Column("opened_on", "date", "始めた日", "案件を登録した日。対照群は、くじを引いた日", required=True),
        Column("priority", "int32", "優先順位", "対象者リストでの順位。1 が最優先"),
        Column("letters", "int32", "送った通知の数", unit="通", required=True),
        Column("first_letter_on", "date", "最初の通知の発送日", "1通も送っていなければ空"),
        Column(
            "returned",
            "bool",
            "宛所不明",
            "送った通知が宛所不明などで一度でも返送された",
            required=True,
        ),
        Column("days_used", "int32", "使った営業日数", "案件データを取った日の終わりまで", unit="営業日"),
        Column("overdue", "bool", "期限超過", "案件データを取った日に期限を過ぎていた"),
    ),
    key=("case_id",),
    source="案件の台帳（office）。source_file と source_line は、案件データとその中の行を指す",
    caveats=("消去された案件は、次に取った案件データからなくなる。",),
)

OFFICE_EVENT = Table(
    "office_event",
    "案件の履歴",
    "案件の出来事1つにつき1行。誰がしたかは役割だけで、理由・コメント・内容の文章はない。",
    (
        *lineage(),
        _CASE_ID,
        Column("sequence", "int32", "番号", "案件の中の順番（1始まり）", required=True),
        m.BRANCH,
        _KIND,
        _code(
            "what",
            "出来事",
            "opened 開始／moved 状態の変更／decided 判断／letter_sent 通知の発送 など",
            required=True,
        ),
        Column("on", "date", "年月日", "出来事の日（受付日・発送日など、記録された日）", required=True),
        Column("at", "timestamp", "記録時刻", "記録された時刻（協定世界時）", required=True),
        _code("role", "役割", "どの役割でしたか。役割のいらない操作は空"),
        _code("move", "操作", "状態を変えた操作"),
        _code("state_to", "変わった後の状態"),
        _code("letter", "通知", "送る・送った・返送された通知の種類"),
    ),
    key=("case_id", "sequence"),
    source="案件の台帳（office）。source_file と source_line は、案件データとその中の行を指す",
)

TABLES = (OFFICE_CASE, OFFICE_EVENT)
