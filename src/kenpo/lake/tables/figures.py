"""Figures (指標値): what refresh computes and every board, document and answer reads."""

from kenpo.lake.schema import Column, Table

FIGURE = Table(
    "figure",
    "指標値",
    "指標・支部・月・内訳ごとに1行。分子と分母から値を計算し直せる。",
    (
        Column("measure", "string", "指標ID", required=True),
        Column("definition", "string", "定義の版", "定義とパラメータから作る識別子", required=True),
        Column("branch", "string", "支部", "2桁コード。00は全国", required=True),
        Column("month", "month", "月", required=True),
        Column(
            "breakdown",
            "string",
            "内訳の軸",
            "total 合計／kind レセプト種類／care 診療種別／age_band 年齢階級／sex 性別／member_kind 本人家族／"
            "size 事業所規模／match 照合結果",
            required=True,
        ),
        Column("value", "string", "内訳の値", "合計では total", required=True),
        Column(
            "eligible", "int64", "対象", "指標の対象となる単位の数（除外を含む）", unit="件", required=True
        ),
        Column("excluded", "int64", "除外", "対象のうち除外された単位の数", unit="件", required=True),
        Column("excluded_by", "string", "除外の内訳", "理由→件数のJSON", required=True),
        Column("denominator", "decimal(38,7)", "分母", "人数など数だけの指標では 0", required=True),
        Column("numerator", "decimal(38,7)", "分子", required=True),
        Column("cutoff", "string", "データ締切", "計算したときの lake の版", required=True),
    ),
    key=("measure", "branch", "month", "breakdown", "value"),
)

TABLES = (FIGURE,)
