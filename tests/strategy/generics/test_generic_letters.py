"""ジェネリック医薬品軽減額通知: its figures, its words, who it is for, and who sends it."""

from __future__ import annotations

import ctypes
import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from pydantic import ValidationError
from tests.branches import TinyBranch
from tests.people import APRIL, lake_of
from tests.strategy.generics.test_generic_worklists import CHEAP, CODES, GENERIC, line, master

from kenpo.base.branches import BRANCHES
from kenpo.base.errors import ArgumentError
from kenpo.catalogue import DERIVATIONS, WORKLISTS
from kenpo.frame import run
from kenpo.frame.derivation import derive
from kenpo.frame.letter import (
    Addressed,
    Numbered,
    Recipient,
    Sender,
    content_of,
    issue,
    new_token,
    sender,
)
from kenpo.strategy.generics.letters import LETTERS, SWITCH_NOTICE, SwitchDrug, SwitchNotice, switch_notice

YAMAGUCHI = sender("山口")
DAY = date(2026, 8, 3)


def recipient(n: int = 0) -> Recipient:
    return Recipient((f"架空　花子{n:03d}",), "753-0001", (f"山口県山口市架空町{n:03d}番地",))


def notice(count: int = 1, month: date = date(2026, 3, 1), name: str = "架空薬{}錠") -> SwitchNotice:
    drugs = tuple(
        SwitchDrug(name=name.format(n), days=28, cost=1000 + n, saving=111 + n) for n in range(count)
    )
    return SwitchNotice(month=month, drugs=drugs, saving=sum(d.saving for d in drugs) // 10 * 10)


def addressed(n: int, content: Any) -> Addressed:
    return Addressed(recipient(n), Numbered(f"全協山発第{n:04d}号", DAY, f"TOKEN{n:011d}"), content)


def pages(*contents: SwitchNotice) -> list[str]:
    made = issue(
        SWITCH_NOTICE, YAMAGUCHI, [addressed(n, c) for n, c in enumerate(contents)], sheet=False
    )  # fmt: skip
    document = pypdfium2.PdfDocument(made.pdf)
    return ["".join(page.get_textpage().get_text_range().split()) for page in document]


# ---- from the list to the letter ---------------------------------------------------------------------------------


def asked(folder: Path, *lines: dict[str, Any], **receipt: Any) -> list[dict[str, Any]]:
    lake = lake_of(folder, enrolment=[{}], receipt=[receipt], drug=list(lines))
    master(lake)
    with lake.writing():
        derive(lake, DERIVATIONS, [APRIL])
    return list(run(lake, WORKLISTS["generic_switch"], "13", APRIL).iter_rows(named=True))


def test_the_rule_books_example_as_a_letter(tmp_path: Path):
    """60.0 円 → 22.0 円, 1 tablet × 30 days, 30 %: 60 × 30 × 0.3 = 540 now, 38 × 30 × 0.3 = 342 saved, 340 in all."""
    (row,) = asked(tmp_path, line())
    made = switch_notice(row)
    assert made.drugs == (SwitchDrug(name="薬1", days=30, cost=60 * 30 * 3 // 10, saving=38 * 30 * 3 // 10),)
    assert (made.saving, made.cost, made.month_text) == (340, 540, "令和6年4月")


def test_each_drug_is_cut_off_to_the_yen_and_the_sum_once_to_ten(tmp_path: Path, monkeypatch: Any):
    """17 days at 30 %: 60 × 17 × 0.3 = 306.0 and 38 × 17 × 0.3 = 193.8; 23 days of 33.00 yen: 227.7 and 75.9.
    In all 269.7, shown as 260, and not 193 + 75 = 268 cut off."""
    other = "620000009"
    monkeypatch.setitem(CODES, other, ("3319001F1020", "33.00", "2"))
    monkeypatch.setitem(CODES, "620000008", ("3319001F1101", "22.00", "3"))
    (row,) = asked(tmp_path, line(days=17), line(other, days=23))
    made = switch_notice(row)
    assert [(d.days, d.cost, d.saving) for d in made.drugs] == [
        (17, 306, int(Decimal("193.8"))),
        (23, int(Decimal("227.7")), int(Decimal("75.9"))),
    ]
    assert made.saving == int(Decimal("193.8") + Decimal("75.9")) // 10 * 10 == 260


def test_drugs_come_in_the_order_of_what_they_save(tmp_path: Path, monkeypatch: Any):
    monkeypatch.setitem(CODES, "620000009", ("3319001F1020", "33.00", "2"))
    monkeypatch.setitem(CODES, "620000008", ("3319001F1101", "3.00", "3"))
    (row,) = asked(tmp_path, line("620000009", days=60), line(days=30), line(GENERIC), line(CHEAP))
    assert [(d.name, d.days) for d in switch_notice(row).drugs] == [("薬9", 60), ("薬1", 30)]


def test_the_share_is_the_persons_own(tmp_path: Path):
    (row,) = asked(tmp_path, line(), benefit_rate=80)
    (drug,) = switch_notice(row).drugs
    assert (drug.cost, drug.saving) == (60 * 30 * 2 // 10, 38 * 30 * 2 // 10)


def test_every_row_of_the_invented_branch_makes_a_letter(tiny: TinyBranch):
    rows = run(tiny.lake, WORKLISTS["generic_switch"], "35").to_dicts()
    assert rows
    for row in rows:
        made = switch_notice(row)
        assert made.saving == row["saving"]
        assert len(made.drugs) == row["drug_count"]
        assert all(0 < d.saving <= d.cost for d in made.drugs)


def test_a_row_whose_lists_do_not_go_together_is_refused(tmp_path: Path):
    (row,) = asked(tmp_path, line())
    with pytest.raises(ArgumentError, match="医薬品の数と金額の数が合いません") as error:
        switch_notice(row | {"drugs": "薬、1"})
    assert "drug.csv" in error.value.message


def test_a_saving_that_is_not_that_of_the_drugs_is_refused():
    with pytest.raises(ValidationError):
        SwitchNotice(month=APRIL, drugs=notice().drugs, saving=999)


# ---- the words ---------------------------------------------------------------------------------------------------


def test_the_letter_says_what_it_must():
    (text,) = pages(notice(2))
    for words in (
        "令和8年3月",
        "架空薬0錠28日分1,000円111円",
        "架空薬1錠28日分1,001円112円",
        "合計2,001円220円",
        "約220円",
        "1円未満切り捨て",
        "10円未満を切り捨て",
        "医師か薬剤師にお尋ねください",
        "切り替えは義務ではありません",
        "ご希望されない場合",
        "QRコード",
        "TOKE-N000-0000-0000",
        "000-035-0000",
        "山口支部企画総務グループ",
        "全協山発第0000号令和8年8月3日",
        "架空花子000様",
        "1／1ページ",
    ):
        assert words in text, words


def test_the_special_charge_is_spoken_of_from_october_2024():
    before, after = pages(notice(month=date(2024, 9, 1)), notice(month=date(2024, 10, 1)))
    assert ("特別の料金" in before, "特別の料金" in after) == (False, True)


def test_five_drugs_stand_on_one_page_and_thirty_on_more_with_the_head_again():
    assert len(pages(notice(5))) == 1
    text = pages(notice(30))
    assert len(text) == 2
    assert all("お薬の名前" in page for page in text)
    said = "".join(text)
    assert [said.count(f"架空薬{n}錠28日分") for n in range(30)] == [1] * 30
    assert "全協山発第0000号（続き）" in text[1] and "2／2ページ" in text[1]


def test_everything_but_the_address_is_set_in_11_points_or_more():
    made = issue(SWITCH_NOTICE, YAMAGUCHI, [addressed(1, notice(3))], sheet=False)
    page = pypdfium2.PdfDocument(made.pdf)[0].get_textpage()
    text = page.get_text_range()
    start = text.index(SWITCH_NOTICE.title)
    footer = text.index("1／1")
    small = {
        text[i]
        for i in range(start, len(text))
        if not footer <= i < footer + 6
        and not text[i].isspace()
        and pdfium.FPDFText_GetFontSize(page, ctypes.c_int(i)) < 10.99
    }
    assert small == set()


def test_drug_names_are_texts():
    (text,) = pages(notice(name='#panic("{}")*薬*$x$'))
    assert '#panic("0")*薬*$x$' in text


def test_nobodys_drugs_stand_on_anothers_letter():
    text = pages(*(notice(3, name=f"薬甲{n:02d}乙{{}}") for n in range(20)))
    for n, page in enumerate(text):
        assert set(re.findall(r"薬甲(\d\d)乙", page)) == {f"{n:02d}"}
        assert set(re.findall(r"花子(\d{3})", page)) == {f"{n:03d}"}


# ---- content as it is stored -------------------------------------------------------------------------------------


def test_a_stored_content_prints_the_same_letter():
    first = addressed(1, notice(3))
    stored = json.loads(json.dumps(first.content.model_dump(mode="json")))
    again = Addressed(first.recipient, first.numbered, content_of(SWITCH_NOTICE, stored))
    assert issue(SWITCH_NOTICE, YAMAGUCHI, [again]).pdf == issue(SWITCH_NOTICE, YAMAGUCHI, [first]).pdf


def test_a_content_at_fault_names_the_fields():
    with pytest.raises(ArgumentError, match=r"drugs\.0\.days") as error:
        content_of(SWITCH_NOTICE, {"month": "2026-03-01", "saving": 0, "drugs": [{"name": "薬"}]})
    assert "month" not in error.value.what


def test_the_content_of_another_letter_is_refused():
    with pytest.raises(ArgumentError, match="載せる内容ではありません"):
        issue(LETTERS[1], YAMAGUCHI, [addressed(1, notice())])


def test_letters_are_declared_whole():
    assert len({one.id for one in LETTERS}) == len(LETTERS)
    for one in LETTERS:
        assert one.title and one.law and one.to in ("member", "workplace", "institution")
        assert "#let letter(it, post)" in one.template.read_text(encoding="utf-8")


# ---- who it goes to, who sends it --------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["7530001", "753-0001", "７５３－０００１", "〒753-0001", " 753 0001 "])
def test_a_postal_code_is_read_in_any_form(given: str):
    assert Recipient(("架空　太郎",), given, ("架空県",)).postal_code == "753-0001"


@pytest.mark.parametrize(
    ("names", "code", "address", "said"),
    [
        ((), "", ("架空県秘密町",), "あて名がありません"),
        (("　",), "", ("架空県秘密町",), "あて名がありません"),
        ("架空　太郎", "", ("架空県秘密町",), "あて名がありません"),
        (("架空　太郎",), "", ("",), "住所がありません"),
        (("架空　太郎",), "12345", ("架空県秘密町",), "郵便番号が7桁"),
        (("架空　太郎",), "abcdefg", ("架空県秘密町",), "郵便番号が7桁"),
        (("架空　太郎",) * 5, "", ("架空県秘密町",), "あて名の行が多すぎます"),
        (("架空　太郎",), "", ("架空県秘密町",) * 6, "住所の行が多すぎます"),
    ],
)
def test_a_bad_address_is_refused_without_quoting_it(names: Any, code: str, address: Any, said: str):
    with pytest.raises(ArgumentError, match=said) as error:
        Recipient(names, code, address)
    assert "対処：" in error.value.message
    assert not re.search("太郎|秘密|12345|abcdefg", error.value.message)


def test_a_recipient_is_not_shown_by_repr():
    assert not re.search("花子|架空町|753", repr(recipient()) + repr(addressed(1, notice())))


def test_every_branch_has_a_sender_and_all_of_it_is_invented():
    senders: list[Sender] = [sender(b.code) for b in BRANCHES]
    assert all(s.invented for s in senders)
    assert all(s.phone.startswith("000-") and s.postal_code.startswith("000-") for s in senders)
    assert all(s.address[0].startswith(s.branch.prefecture) for s in senders)
    assert len({s.phone for s in senders}) == len(BRANCHES) == 47


def test_a_group_or_branch_there_is_not_is_refused():
    with pytest.raises(ArgumentError, match="グループはありません"):
        sender("山口", "cafeteria")
    with pytest.raises(ArgumentError, match="支部はありません"):
        sender("架空")


def test_tokens_are_opaque_and_never_the_same():
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{16}", token) for token in tokens)
