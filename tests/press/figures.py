"""The three charts of the sample report, from invented figures."""

from kenpo.base.document import Chart
from kenpo.press.charts import Progress, Rank, Series, line_chart, progress_chart, rank_chart

_NAMES = (
    "北海道 青森 岩手 宮城 秋田 山形 福島 茨城 栃木 群馬 埼玉 千葉 東京 神奈川 新潟 富山 石川 福井 山梨 長野 岐阜 静岡 愛知 三重 "
    "滋賀 京都 大阪 兵庫 奈良 和歌山 鳥取 島根 岡山 広島 山口 徳島 香川 愛媛 高知 福岡 佐賀 長崎 熊本 大分 宮崎 鹿児島 沖縄"
)
BRANCHES = _NAMES.split()


def drawn() -> tuple[Chart, ...]:
    """達成の度合い、月次の推移、支部の順位 (bars, and dots for values close together)."""
    return (
        progress_chart(
            [
                Progress("サービススタンダードの達成状況", 99.97, "99.97%（目標100%）", 100),
                Progress("現金給付等の申請に係る郵送化率", 97.9, "93.0%（目標95.0%以上）", 99),
                Progress("レセプト点検の査定率", 118.6, "0.280%（目標0.236%以上）", 100),
                Progress("生活習慣病予防健診の受診者数", 55.8, "59,264人（目標106,143人）", 52),
                Progress("被扶養者資格の確認書の提出率", None, "－（未確定、目標94.0%以上）"),
            ]
        ),
        line_chart(
            [
                Series("令和3年度", [91.8, 92.2, 93.0, 92.9, 93.2, 93.0]),
                Series("令和2年度", [90.1, 90.9, 91.5, 91.4, 91.9, 92.0, 92.4, 92.2, 92.5, 92.3, 92.6, 92.4]),
                Series(
                    "令和元年度", [88.0, 88.3, 88.9, 89.2, 89.1, 89.6, 89.9, 90.2, 90.1, 90.3, 90.6, 90.4]
                ),
            ],
            title="郵送化率の推移（月別）",
            target=95.0,
            path=[92.0 + 0.27 * m for m in range(12)],
            forecast=(92.9, 93.8, 94.6),
        ),
        rank_chart(
            [Rank(b, 0.18 + (n * 37 % 47) * 0.006) for n, b in enumerate(BRANCHES)],
            "山口",
            title="レセプト点検の査定率（支部別）",
            digits=3,
            mean=0.331,
        ),
        rank_chart(
            [Rank(b, 88 + (n * 29 % 47) * 0.22) for n, b in enumerate(BRANCHES)],
            "山口",
            title="郵送化率（支部別）",
            mean=94.9,
        ),
    )
