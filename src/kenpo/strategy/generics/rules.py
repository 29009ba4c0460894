"""What a drug is in a treatment month (ジェネリック医薬品の区分): the list valid in that month decides.

Sources: 厚生労働省「各先発医薬品の後発医薬品の有無に関する情報」 (区分 1 後発品のない先発, 2 後発品のある先発, 3 後発品,
☆ 後発品と同額以下の先発, ★ 先発品と同額以上の後発品, blank その他); 薬価基準 in 規格単位.
"""

from __future__ import annotations

import ibis

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

_MASTERS = {
    "drug_master": "医薬品マスター（支払基金）",
    "generic_class": "各先発医薬品の後発医薬品の有無に関する情報（厚生労働省）",
}


def drug_classes(view: View) -> Expression:
    """One row per drug code and month: what the measures must know of it.

    Columns: code, month, name, ingredient, price_list_code, class_code ("2", "3" or NULL), excluded (reason or NULL),
    price (yen per 規格単位), biosimilar (bool), list_file and list_line (the row of the list that decided). Small:
    settled in memory. The price is the price list's when an edition of it is in force, otherwise the drug master's.
    """
    view.require(_MASTERS)
    exclude = [bool(view.parameter("generic_exclude_star", m)) for m in view.months]
    months = view.calendar(exclude_star=exclude)
    master: Expression = in_force(view.table("drug_master"), months, "code")
    listed: Expression = in_force(view.table("generic_class"), months, "price_list_code")
    drug = master.select(
        "code",
        "month",
        "name",
        "price_list_code",
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
