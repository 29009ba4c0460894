"""Tables about intake itself (取込の記録): files, rejected lines, flags."""

from kenpo.lake.schema import Column, Table, lineage

INTAKE_FILE = Table(
    "intake_file",
    "取込ファイル",
    "取り込んだファイル1つにつき1行。同じ内容（sha256）のファイルは2度取り込まれない。",
    (
        Column("file_id", "string", "取込ファイルID", "sha256から作る識別子", required=True),
        Column("name", "string", "ファイル名", "取込時のファイル名（zipの中は zip名!中の名）", required=True),
        Column("sha256", "string", "sha256", "ファイル内容のsha256", required=True),
        Column("size", "int64", "大きさ", unit="バイト", required=True),
        Column(
            "format",
            "string",
            "形式",
            "uke（医療機関→審査支払機関）、recode_info（レセ電コード情報）、master、office（案件データ）など",
            required=True,
        ),
        Column(
            "kind",
            "string",
            "種別",
            "medical 医科／dpc DPC／dental 歯科／pharmacy 調剤／masterの名",
            required=True,
        ),
        Column("edition", "date", "版の日付", "マスターの版。レセプトでは空"),
        Column("lines", "int64", "行数", "空行とEOFを除く物理行数", unit="行", required=True),
        Column("rows", "int64", "取込行数", "拒否されず取り込まれた物理行数", unit="行", required=True),
        Column("rejects", "int64", "拒否行数", unit="行", required=True),
        Column("receipts", "int64", "レセプト件数", "有効なレセプトの数", unit="件", required=True),
        Column("points", "int64", "合計点数", "有効なレセプトの主保険点数の合計", unit="点", required=True),
        Column("loaded_at", "string", "取込時刻", "取込を確定した時刻（ISO 8601）", required=True),
        Column("seconds", "decimal(12,3)", "取込時間", unit="秒", required=True),
    ),
    key=("file_id",),
)

INTAKE_REJECT = Table(
    "intake_reject",
    "取込拒否",
    "取り込めなかった行。値そのものは、個人を特定しうる項目では保存しない。",
    (
        *lineage(),
        Column("record_type", "string", "レコード識別", "RE, HO, IY など。読めないときは空"),
        Column("field", "string", "項目", "誤りのあった項目の日本語名"),
        Column("reason", "string", "理由コード", "docs/errors.md に一覧", required=True),
        Column("message", "string", "説明", "何が起き、どう直すか", required=True),
    ),
    key=("source_file", "source_line", "field", "reason"),
)

INTAKE_FLAG = Table(
    "intake_flag",
    "取込注意",
    "取り込んだが確認を要する事柄（GOレコードとの不一致など）。",
    (
        *lineage(),
        Column("code", "string", "注意コード", "docs/errors.md に一覧", required=True),
        Column("message", "string", "説明", required=True),
        Column("expected", "string", "ファイルの記載"),
        Column("actual", "string", "読み取った値"),
    ),
    key=("source_file", "source_line", "code"),
)

TABLES = (INTAKE_FILE, INTAKE_REJECT, INTAKE_FLAG)
