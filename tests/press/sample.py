"""A progress report as a branch hands to its council, invented: what all forms are tried with."""

from kenpo.base.document import Cell, Chart, Document, Heading, PageBreak, Paragraph, Table, cell, table

LONG = "\n".join(
    [
        "①健診・事業者健診データ取得等の勧奨",
        "・生活習慣病予防健診の費用自己負担の軽減を前面に押し出した勧奨を、事業所の規模に応じて実施した。対象事業所2,350か所へ文書を送付し、このうち612か所へ電話で重ねて案内した。健診の開始年齢である35歳及び40歳に達した加入者には、個人あての案内を送った。",
        "・県内の健診機関42機関と協議し、閑散期（4月～6月）の受入枠を拡大した。あわせて、巡回健診の会場を前年度の18会場から24会場に増やし、商工会議所と連名の案内を作成した。",
        "（1）事業者健診データについては、同意書を得た事業所のうちデータの提供がない事業所118か所に対し、社会保険労務士会と連携して働きかけた。",
        "　●提供の方法が分からないとの声が多かったため、記入例を付けた手引（A4・2頁）を作成し、支部のウェブサイト https://www.kyoukaikenpo.or.jp/shibu/yamaguchi/cat070/20210714001/ に掲載した。",
        "※数値は令和3年6月末時点の速報値であり、今後変わることがある。",
    ]
)
PLAN = "\n".join(
    [
        "・お客様満足度調査結果の活用及びお客様からの意見を反映したサービス水準の向上",
        "・現金給付の申請受付から支給までの標準期間（サービススタンダード：10日間）の遵守及び正確な審査の実施",
    ]
)
NASTY = '<b>#let x = 1</b> $5 @ref *強調* _下線_ \\ & "引用" `code` [1] {x} ~ 100% // /* */'


def progress() -> Table:
    """計画・実績・今後の予定, with a plan that spans two rows."""
    return Table(
        (
            tuple(
                cell(h, align="center", tone="head")
                for h in ("事業計画", "実施状況及び評価", "今後の実施予定等")
            ),
            (
                cell(*PLAN.split("\n"), rows=2),
                cell(*LONG.split("\n")),
                cell(
                    "・第2四半期以降も、月次で進捗を確認する。",
                    "・未受診の事業所に絞り、10月に再度案内する。",
                ),
            ),
            (
                Cell(tuple(PLAN.split("\n")), rows=2, continued=True),
                cell(
                    "◆電話・窓口対応時に郵送による申請を案内し、6月末時点の郵送化率は93.0%となった。（KPI：95.0%以上）"
                ),
                cell("・切手不要の返信用封筒を引き続き活用する。"),
            ),
            *(
                (
                    cell(f"{'④⑤⑥⑦⑧⑨'[n]} 返納金債権の発生防止のための保険証回収の強化"),
                    cell(*LONG.split("\n")[: n + 1], NASTY),
                    cell("引き続き実施する。"),
                )
                for n in range(6)
            ),
        ),
        1,
        (3, 5, 3),
        "実施状況：◎（計画を大幅に上回る）、○（計画通り）、△（計画を下回る）",
    )


def kpis() -> Table:
    """KPI一覧: two rows of heads with spans both ways."""
    heads = ("KPI", "目標", "実績", "", "判定", "前年度", "全国平均", "順位")
    first = tuple(
        cell(h, align="center", tone="head", columns=2)
        if h == "実績"
        else Cell(("実績",), "center", "head", columns=2, continued=True)
        if h == ""
        else cell(h, align="center", tone="head", rows=2)
        for h in heads
    )
    second = tuple(
        cell(h, align="center", tone="head")
        if h in ("値", "時点")
        else Cell((heads[i],), "center", "head", rows=2, continued=True)
        for i, h in enumerate(("", "", "値", "時点", "", "", "", ""))
    )
    rows = [
        (
            "サービススタンダードの達成状況",
            "100%",
            "99.97%",
            "9月末",
            "△ 未達",
            "100.00%",
            "99.98%",
            "31位",
            "warn",
        ),
        (
            "現金給付等の申請に係る郵送化率",
            "95.0%以上",
            "93.0%",
            "9月末",
            "× 未達",
            "92.4%",
            "94.9%",
            "40位",
            "bad",
        ),
        (
            "レセプト点検の査定率",
            "0.236%以上",
            "0.280%",
            "8月末",
            "○ 達成",
            "0.236%",
            "0.331%",
            "25位",
            "good",
        ),
        (
            "再審査1件当たり査定額",
            "9,371円以上",
            "11,605円",
            "8月末",
            "○ 達成",
            "9,371円",
            "8,373円",
            "2位",
            "good",
        ),
        ("被扶養者資格の確認書の提出率", "94.0%以上", "－", "未確定", "－", "92.7%", "－", "－", "muted"),
        (
            "生活習慣病予防健診の受診者数",
            "106,143人",
            "59,264人",
            "9月末",
            "△ 未達",
            "98,020人",
            "－",
            "－",
            "warn",
        ),
    ]
    body = tuple(
        (
            cell(r[0]),
            cell(r[1], align="right"),
            cell(r[2], align="right"),
            cell(r[3], align="center"),
            cell(r[4], align="center", tone=r[8]),  # type: ignore[arg-type]
            cell(r[5], align="right"),
            cell(r[6], align="right"),
            cell(r[7], align="right"),
        )
        for r in rows
    )
    return Table((first, second, *body), 2, (4, 2, 2, 1.5, 1.6, 2, 2, 1.3), "令和3年度 KPIの進捗（上期）")


def charts() -> tuple[Chart, ...]:
    """The three charts of a report."""
    from tests.press.figures import drawn

    return drawn()


def report() -> Document:
    """令和3年度上期の進捗."""
    return Document(
        "令和3年度上期 山口支部事業計画の進捗状況について",
        (
            Heading("1. 基盤的保険者機能関係", 1),
            Heading("○サービス水準の向上", 2),
            Paragraph(
                "令和3年度の支部事業計画に基づき、上期（4月～9月）に実施した取組と、KPIの進捗を報告する。数値は、特に断りのない限り令和3年9月末時点のものである。"
            ),
            Paragraph(
                "サービススタンダードは、受付から支給までの日数が10営業日を超えた申請を減らし、達成率100%を維持する。",
                "・",
            ),
            Paragraph(
                "郵送化率は、窓口での申請が多い申請書に重点を置いて向上を図る。全国平均との差は1.9ポイントであり、近隣の支部と比べても低い水準にとどまる。",
                "①",
            ),
            Paragraph("協議会等の場で、加入者・事業主の立場から意見を述べる。", "(1)"),
            progress(),
            Paragraph("注　支払基金と合算した査定率である。", small=True),
            Heading("○KPIの一覧", 2),
            kpis(),
            Heading("○記号を含む文", 3),
            Paragraph(NASTY),
            Heading("図でみる進捗", 2),
            *charts(),
            PageBreak("KPI一覧", landscape=True),
            Heading("2. 令和3年度 KPI目標の進捗状況", 1),
            kpis(),
            PageBreak(),
            Heading("3. 組織運営体制関係", 1),
            table(
                ("項目", "内容"),
                [
                    ("人材育成", "OJTを中心に実施する。\n・新任者研修\n・階層別研修"),
                    ("=1+1", "@SUM(A1)"),
                    ("-2", "+3"),
                ],
                widths=(1, 3),
            ),
            Paragraph("以上"),
        ),
        ("令和3年10月27日", "全国健康保険協会 山口支部"),
    )
