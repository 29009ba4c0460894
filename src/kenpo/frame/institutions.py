"""Where letters to institutions and pharmacies go (医療機関・薬局のあて先): public facts of the lake, not of the vault."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import ibis

from kenpo.base.branches import branch
from kenpo.frame.letter import Recipient
from kenpo.lake import Lake


def institution_recipients(lake: Lake, codes: Collection[str]) -> dict[str, Recipient]:
    """The recipients of institutions by code (都道府県2桁＋点数表1桁＋コード7桁); one without a known address is left out.

    Name, postal code and address are those of the newest published list (institution_list) that has the institution, or
    else the latest its claims were delivered with (institution), which rarely have a postal code. The prefecture is put
    before an address that leaves it out.
    """
    found = _newest(lake, "institution", "claim_month", codes) | _newest(
        lake, "institution_list", "edition", codes
    )
    return {
        code: Recipient((name or code,), postcode or "", (_whole(code, address),))
        for code, (name, postcode, address) in sorted(found.items())
    }


def _newest(
    lake: Lake, table: str, day: str, codes: Collection[str]
) -> dict[str, tuple[str | None, str | None, str]]:
    """Name, postal code and address of each institution in its latest row that has an address."""
    rows: Any = lake.table(table)
    rows = rows.filter(rows.institution.isin(sorted(codes)) & rows.address.notnull())
    order = [rows[day].desc(), rows.source_file.desc(), rows.source_line.desc()]
    place = ibis.row_number().over(ibis.window(group_by=rows.institution, order_by=order))
    ranked = rows.mutate(place=place)
    latest = ranked.filter(ranked.place == 0).select("institution", "name", "postcode", "address")
    return {code: (name, postcode, address) for code, name, postcode, address in latest.to_polars().rows()}


def _whole(code: str, address: str) -> str:
    prefecture = branch(code[:2]).prefecture
    return address if address.startswith(prefecture) else prefecture + address
