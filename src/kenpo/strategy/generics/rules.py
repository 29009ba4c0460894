"""What a drug is in a treatment month (ジェネリック医薬品の区分), the list valid in that month deciding; and who takes
originators for which there is a cheaper generic.

Sources: 厚生労働省「各先発医薬品の後発医薬品の有無に関する情報」 (区分 1 後発品のない先発, 2 後発品のある先発, 3 後発品,
☆ 後発品と同額以下の先発, ★ 先発品と同額以上の後発品, blank その他); 薬価基準 in 規格単位.
"""

from __future__ import annotations

from typing import Any

import ibis
import polars as pl

from kenpo.frame.columns import beside
from kenpo.frame.view import View
from kenpo.lake import Expression
from kenpo.lake.validity import in_force

EXCLUSIONS = {
    "no_generic": "後発品のない先発品（区分1）",
    "other": "その他の品目（区分空欄：漢方・生薬・基礎的医薬品など）",
    "star": "☆・★（パラメータ generic_exclude_star により除外）",
    "unlisted": "後発品情報の一覧にない薬価基準コード",
    "unknown_code": "医薬品マスターにないコード",
}

ORAL = "1"
"""剤形 of drugs taken by mouth (内用薬)."""

AS_NEEDED = "22"
"""診療識別 of drugs taken when needed (頓服): their 回数 are not days."""

LONG_TERM_DAYS = 14
"""Days' supply in a month from which a drug is taken long-term (継続服薬): the insurers' usual reading (rule H)."""

USUAL_BENEFIT_RATE, YOUNG_OR_OLD_BENEFIT_RATE = 70, 80
"""給付割合 of a receipt that does not say (健康保険法74条1項、110条2項): 80 % before school age and from 70 on, 70 % otherwise."""

YOUNG_OR_OLD = ("3", "4", "7", "8")
"""Fourth digit of レセプト種別: 未就学者 and 高齢受給者一般・低所得者, of inpatients and outpatients (記録条件仕様 別表5)."""

_MASTERS = {
    "drug_master": "医薬品マスター（支払基金）",
    "generic_class": "各先発医薬品の後発医薬品の有無に関する情報（厚生労働省）",
}


def drug_classes(view: View) -> Expression:
    """One row per drug code and month: what the measures must know of it.

    Columns: code, month, name, ingredient, price_list_code, same (the drugs it stands beside: the first nine characters of
    the 一般名コード, or where the master has none of the price list code: 成分・剤形・規格), form (剤形), class_code ("2",
    "3" or NULL), excluded (reason or NULL), price (yen per 規格単位), biosimilar (bool), list_file and list_line (the row of
    the list that decided). Small: settled in memory. The price is the price list's when an edition of it is in force,
    otherwise the drug master's.
    """
    view.require(_MASTERS)
    exclude = [bool(view.parameter("generic_exclude_star", m)) for m in view.months]
    months = view.calendar(exclude_star=exclude)
    master: Expression = in_force(view.table("drug_master"), months, "code")
    listed: Expression = in_force(view.table("generic_class"), months, "price_list_code")
    named: Any = ibis.coalesce(master.general_name_code, master.price_list_code)
    drug = master.select(
        "code",
        "month",
        "name",
        "price_list_code",
        same=named.left(9),
        form=master.dosage_form,
        master_price=master.price,
        master_edition=master.edition,
        master_later=master.edition_is_later,
    )
    changed = listed.next_class_from.notnull() & (listed.next_class_from <= listed.month)
    listing = listed.select(
        "price_list_code",
        "month",
        "ingredient",
        listed_name=listed.name,
        printed=ibis.ifelse(changed, listed.next_class, listed.class_code),
        list_file=listed.source_file,
        list_line=listed.source_line,
        list_edition=listed.edition,
        list_later=listed.edition_is_later,
        on_list=ibis.literal(True),
    )
    key = ["price_list_code", "month"]
    both: Expression = drug.left_join(listing, key).drop("price_list_code_right", "month_right")
    if view.holds("drug_price"):
        priced: Expression = in_force(view.table("drug_price"), months, "price_list_code")
        prices = priced.select(
            "price_list_code", "month", list_price=priced.price, price_later=priced.edition_is_later
        )
        both = both.left_join(prices, key).drop("price_list_code_right", "month_right")
    else:
        both = both.mutate(list_price=ibis.null("decimal(12,2)"), price_later=ibis.null("bool"))
    both = both.left_join(
        months.select(star_month="month", exclude_star="exclude_star"), both.month == months.month
    )
    star = both.printed.isin(["☆", "★"])
    return view.settle(
        both.select(
            "code",
            "month",
            "name",
            "ingredient",
            "price_list_code",
            "same",
            "form",
            class_code=ibis.cases(
                (both.printed.isin(["2", "☆"]), "2"),
                (both.printed.isin(["3", "★"]), "3"),
                else_=ibis.null("string"),
            ),
            excluded=ibis.cases(
                (both.on_list.isnull(), "unlisted"),
                (both.printed.isnull(), "other"),
                (both.printed == "1", "no_generic"),
                (star & both.exclude_star, "star"),
                else_=ibis.null("string"),
            ),
            price=ibis.cases(
                (both.list_price.notnull() & ~both.price_later, both.list_price),
                (both.master_price.notnull() & ~both.master_later, both.master_price),
                else_=ibis.coalesce(both.list_price, both.master_price),
            ),
            biosimilar=(
                both.printed.isin(["3", "★"])
                & (
                    both.ingredient.contains("後続")
                    | (both.ingredient.contains("遺伝子組換え") & both.listed_name.contains("ＢＳ"))
                )
            ).fill_null(False),
            list_file="list_file",
            list_line="list_line",
            master_edition="master_edition",
            master_later="master_later",
            list_edition="list_edition",
            list_later="list_later",
        ),
        "drug_classes",
        masters={"医薬品マスター": "master", "後発品情報の一覧": "list"},
    )


def active_ingredient(ingredient: Expression) -> Expression:
    """成分名 with its biosimilars under one name.

    「インフリキシマブ（遺伝子組換え）［インフリキシマブ後続１］」 and 「インフリキシマブ（遺伝子組換え）」 are both
    「インフリキシマブ」; spaces do not count.
    """
    tight = ingredient.re_replace("[ 　]", "")
    original = tight.re_extract("［(.+?)後続", 1)
    own = tight.re_replace("（遺伝子組換え）.*$", "")
    return ibis.ifelse(tight.contains("後続"), original, own)


# ---- what could be switched --------------------------------------------------------------------------------------


def interchangeable(classes: Expression) -> Expression:
    """Of drug_classes, the oral originators that have generics, and the generics, that have a price."""
    oral = classes.filter((classes.form == ORAL) & classes.same.notnull() & (classes.price > 0))
    return oral.filter(oral.excluded.isnull() & oral.class_code.isin(["2", "3"]))


def _choices(view: View) -> Expression:
    """Code and month of oral originators a letter may name that have a cheaper generic: prices. Small: kept in memory.

    price, and of the generics that are cheaper the cheapest (generic_price) and the dearest (dearest_price). Drugs of the
    same are compared only, for otherwise prices of other strengths would be; drugs of generic_notice_sensitive_classes
    (薬効分類, the first digits of the price list code) are in no letter.
    """
    said = [(m, code) for m in view.months for code in view.parameter("generic_notice_sensitive_classes", m)]
    schema = {"month": pl.Date, "beginning": pl.String}
    silent: Any = view.memory(pl.DataFrame(said, schema=schema, orient="row"), "sensitive_classes")
    drug: Any = interchangeable(drug_classes(view))
    generic = drug.filter(drug.class_code == "3").select("month", "same", other="price")
    originator = drug.filter(drug.class_code == "2").anti_join(
        silent, [drug.month == silent.month, drug.price_list_code.startswith(silent.beginning)]
    )
    pairs = originator.join(generic, ["month", "same"])
    cheaper = pairs.filter(pairs.other < pairs.price)
    prices = cheaper.group_by("code", "month", "same", "price", drug_name="name").aggregate(
        generic_price=cheaper.other.min(), dearest_price=cheaper.other.max()
    )
    return view.settle(prices, "generic_choices")


def taken_by_members(view: View, drugs: Expression) -> Expression:
    """The valid lines of some drugs (code and month, and what is known of them) on receipts that match a member, without
    drugs taken when needed; with member_id and member_age.
    """
    drug = view.table("drug").filter(lambda t: t.valid & (t.section.isnull() | (t.section != AS_NEEDED)))
    who = view.table("member_receipt").filter(lambda t: t.reason.isnull())
    who = who.select("receipt_id", "member_id", member_age="age")
    return drug.join(drugs, ["code", "month"]).join(who, "receipt_id")


def switchable(view: View) -> Expression:
    """What could be switched: a row per branch, month, member and originator with a cheaper generic, taken long-term.

    Oral drugs of matched receipts, without those taken when needed. Columns: branch, month, member_id, code, drug_name, same,
    price, days; cost (the member's own share of the price), gain and least_gain (what of that the cheapest and the dearest of the
    cheaper generics would save), in hundredths of yen; age; source_file and source_line (the first line); place (0 for the
    greatest gain of the member and month).
    """
    rate = view.table("receipt").select("receipt_id", "benefit_rate", "receipt_type")
    lines = beside(taken_by_members(view, _choices(view)), rate, "receipt_id")
    unsaid = ibis.ifelse(
        lines.receipt_type.substr(3, 1).isin(YOUNG_OR_OLD), YOUNG_OR_OLD_BENEFIT_RATE, USUAL_BENEFIT_RATE
    )
    own = lines.total * (100 - lines.benefit_rate.fill_null(unsaid))
    lines = lines.mutate(
        cost=(lines.price * own).cast("decimal(38,7)"),
        gain=((lines.price - lines.generic_price) * own).cast("decimal(38,7)"),
        least_gain=((lines.price - lines.dearest_price) * own).cast("decimal(38,7)"),
    )
    taken = lines.group_by("branch", "month", "member_id", "code", "drug_name", "same", "price").aggregate(
        days=lines.times.sum(),
        cost=lines.cost.sum(),
        gain=lines.gain.sum(),
        least_gain=lines.least_gain.sum(),
        age=lines.member_age.max(),
        source_file=lines.source_file.min(),
    )
    first = lines.group_by("month", "member_id", "code", "source_file").aggregate(
        source_line=lines.source_line.min()
    )
    taken = taken.filter(taken.days >= LONG_TERM_DAYS).join(
        first, ["month", "member_id", "code", "source_file"]
    )
    by_gain = ibis.window(
        group_by=[taken.branch, taken.month, taken.member_id], order_by=[taken.gain.desc(), taken.code]
    )
    return taken.mutate(place=ibis.row_number().over(by_gain))
