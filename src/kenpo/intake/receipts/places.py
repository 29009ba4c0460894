"""Municipality from the address of a medical institution (医療機関の所在地 → 市区町村)."""

from __future__ import annotations

import re

_PREFECTURE = re.compile(r"^(?:北海道|東京都|(?:京都|大阪)府|.{2,3}?県)")
# Cities whose own name holds 市, 町 or 村, which the general pattern would cut short.
_SPECIAL = (
    "市川市", "市原市", "野々市市", "四日市市", "廿日市市", "十日町市", "大町市", "町田市", "村上市", "村山市",
    "東村山市", "武蔵村山市", "羽村市", "田村市", "大村市", "余市郡", "高市郡", "佐波郡玉村町", "余市郡余市町",
    "杵島郡大町町", "今市市", "八日市市", "八日市場市", "中村市",
)  # fmt: skip
_GENERAL = re.compile(r"^(?:.+?郡.+?[町村]|.+?市|.+?[区町村])")


def municipality(address: str) -> str | None:
    """「東京都港区見本1-2-3」→「港区」. None when no municipality can be read."""
    rest = _PREFECTURE.sub("", address.strip(), count=1)
    for name in sorted(_SPECIAL, key=len, reverse=True):
        if rest.startswith(name) and name[-1] in "市町":
            return name
        if rest.startswith(name):
            tail = re.match(r"(.+?)[町村]", rest[len(name) :])
            return name + tail[0] if tail else None
    found = _GENERAL.match(rest)
    return found[0] if found else None
