"""Nothing in the lake or on the screen tells who a person is (個人情報): no name, number, birth date, address."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.lakes import key_file, load, put, rows

from kenpo.cli import output
from kenpo.cli.main import main
from kenpo.intake.load import load_facts, load_paths
from kenpo.lake import Lake
from kenpo.lake.tables import ALL_TABLES
from kenpo.synth.receipts import (
    encode,
    recode_info_lines,
    uke_lines,
    write_recode_info,
)
from kenpo.synth.records import (
    BasicFee,
    Claim,
    Comment,
    Correction,
    Diagnosis,
    Dispensing,
    DpcStay,
    Drug,
    Fill,
    Institution,
    Material,
    Narrative,
    Patient,
    PublicPayer,
    Receipt,
    Unit,
)

MAY, JUNE = date(2024, 5, 1), date(2024, 6, 1)
BIRTH = date(1961, 2, 3)
PERSON = Patient(
    "架空　清十郎", "カクウセイジュウロウ", "1", BIRTH, "01130012", "７７４１２", "９９８８７７", "01"
)
PAYER = PublicPayer("51136018", "7654321", 2, 100)
CHART = "KARTE-4077"
DOCTOR = "例示　医師之介"
SECRETS: dict[str, tuple[str, ...]] = {
    "name": ("架空　清十郎", "架空 清十郎", "架空清十郎", "清十郎"),
    "kana": ("カクウセイジュウロウ", "ｶｸｳｾｲｼﾞｭｳﾛｳ"),
    "symbol": ("７７４１２", "77412"),
    "number": ("９９８８７７", "998877"),
    "birth date": ("19610203", "3360203", "1961-02-03", "610203"),
    "recipient number": ("7654321", "７６５４３２１"),
    "chart number": (CHART, "4077"),
    "doctor": (DOCTOR, "医師之介"),
}
"""What must not be found anywhere, in every form it may be written in."""

CLINICS = {
    "medical": Institution("13", "1", "9990001", "見本クリニック", "00-0000-0000", "見本県例示市"),
    "dpc": Institution("13", "1", "9990004", "見本病院"),
    "dental": Institution("13", "3", "9990003", "見本歯科"),
    "pharmacy": Institution("13", "4", "9990002", "見本薬局"),
}


def receipt(kind: str, *more: Any, **changes: Any) -> Receipt:
    """A receipt of the person with every identifying field filled in."""
    drug = Drug("620000001", Decimal(1))
    items: tuple[Any, ...] = (Unit("21", (drug,), 10, 7), *more)
    if kind == "pharmacy":
        items = (
            Dispensing("1", "900", (Fill(MAY, MAY, 7, 1, 10), drug, *more)),
            BasicFee(MAY, "410000010", 42),
        )
    made = Receipt(
        kind=kind,  # type: ignore[arg-type]
        receipt_type={"medical": "1122", "dpc": "1121", "dental": "3122", "pharmacy": "4122"}[kind],
        month=MAY,
        patient=PERSON,
        days=2,
        items=items,
        diagnoses=() if kind == "pharmacy" else (Diagnosis("8830052", MAY),),
        public_payers=(PAYER,),
        chart_number=CHART,
        prescriber=CLINICS["medical"] if kind == "pharmacy" else None,
        doctors=(DOCTOR,) if kind == "pharmacy" else (),
        stay=DpcStay("010010xx9900xx", MAY, age=63) if kind == "dpc" else None,
    )
    return replace(made, **changes)


def texts(lake: Lake) -> Iterable[tuple[str, str]]:
    """Every text in the lake: all string columns of all tables, dates as text, and the raw manifest."""
    for name in ALL_TABLES:
        frame = pl.DataFrame(pl.from_arrow(lake.table(name).to_pyarrow()))
        assert (
            frame.equals(rows(lake, name)) or name == "intake_file" or frame.height == rows(lake, name).height
        )
        for column in frame.columns:
            kind = frame.schema[column]
            if kind == pl.String or kind == pl.Date:
                for value in frame[column].drop_nulls().cast(pl.String).unique():
                    yield f"{name}.{column}", value
    for path in lake.root.glob("manifest*"):
        data = path.read_bytes()
        yield path.name, data.decode("utf-8", errors="replace")
        yield path.name, data.decode("cp932", errors="replace")


def found(places: Iterable[tuple[str, str]], secrets: Mapping[str, tuple[str, ...]] = SECRETS) -> list[str]:
    return sorted(
        {
            f"{what}「{form}」 in {where}"
            for where, text in places
            for what, forms in secrets.items()
            for form in forms
            if form in text and not is_key(where)
        }
    )


def is_key(where: str) -> bool:
    """Keys and digests are random hexadecimal digits: a short number may stand in them by chance."""
    return where.split(".")[-1] in (
        "member_key",
        "member_key_loose",
        "card_key",
        "person_key",
        "member_id",
        "insured_id",
        "sha256",
        "source_file",
        "file_id",
        "seconds",
    ) or (where.startswith("manifest"))


def in_manifest(lake: Lake, secrets: Mapping[str, tuple[str, ...]] = SECRETS) -> list[str]:
    """Secrets in the raw manifest; numbers are looked for only where at least seven characters long."""
    long = {
        what: tuple(f for f in forms if len(f) >= 7 or not f.isdigit()) for what, forms in secrets.items()
    }
    return [f"{what}「{form}」 in {where}" for where, text in texts(lake) if where.startswith("manifest")
            for what, forms in long.items() for form in forms if form in text]  # fmt: skip


def uke(kind: str, *receipts: Receipt) -> bytes:
    return encode(uke_lines(CLINICS[kind], receipts, JUNE))


def loaded(folder: Path, files: Mapping[str, bytes]) -> Lake:
    lake, reports = load(folder, files)
    assert {r.status for r in reports} == {"loaded"}
    return lake


@pytest.mark.parametrize("kind", CLINICS)
def test_no_identifying_field_of_a_receipt_reaches_the_lake(kind: str, tmp_path: Path):
    lake = loaded(tmp_path, {"a.UKE": uke(kind, receipt(kind), receipt(kind))})
    assert rows(lake, "receipt").height == 2
    assert found(texts(lake)) == []
    assert in_manifest(lake) == []


@pytest.mark.parametrize("kind", CLINICS)
def test_no_identifying_field_of_the_insurers_files_reaches_the_lake(kind: str, tmp_path: Path):
    corrected = (Correction("HO", 0, "2", ((5, "11"),)), Correction("RE", 0, "2", ((5, "2"),)))
    claims: list[Claim] = [(CLINICS[kind], receipt(kind, corrections=corrected, previous_claim=True))]
    lines = recode_info_lines(claims, JUNE)
    lake = loaded(tmp_path, {"11_RECODEINFO.CSV": encode(lines, eof=False)})
    assert rows(lake, "receipt")["valid"].sum() == 1
    assert found(texts(lake)) == []
    assert in_manifest(lake) == []


WRITTEN = [
    *(("medical", "name", form) for form in ("架空　清十郎", "架空 清十郎", "架空清十郎")),
    *(("medical", "kana", form) for form in ("カクウセイジュウロウ", "ｶｸｳｾｲｼﾞｭｳﾛｳ")),
    *(("medical", "symbol", form) for form in ("７７４１２", "77412")),
    *(("medical", "number", form) for form in ("９９８８７７", "998877")),
    *(("medical", "recipient number", form) for form in ("7654321", "７６５４３２１")),
    ("medical", "birth date", "19610203"),
    ("medical", "chart number", CHART),
    ("dental", "name", "架空清十郎"),
    ("dental", "kana", "カクウセイジュウロウ"),
    ("dental", "chart number", CHART),
    ("pharmacy", "name", "架空清十郎"),
    ("pharmacy", "kana", "カクウセイジュウロウ"),
    ("pharmacy", "chart number", CHART),
    ("pharmacy", "doctor", DOCTOR),
]


@pytest.mark.parametrize(("kind", "what", "form"), WRITTEN)
def test_a_comment_that_names_the_patient_is_masked(kind: str, what: str, form: str, tmp_path: Path):
    text = f"例示{form}のため"
    more: tuple[Any, ...] = (Comment("810000001", text),)
    if kind == "medical":
        in_row = Drug("620000002", Decimal(1), comments=(("810000001", text),))
        more = (*more, Unit("22", (in_row, Material("700000001", 1)), 1), Narrative("01", text))
    lake = loaded(tmp_path, {"a.UKE": uke(kind, receipt(kind, *more))})
    kept = rows(lake, "comment")
    assert kept.height == {"medical": 3}.get(kind, 1)
    assert all(t.startswith("例示") and t.endswith("のため") for t in kept["text"])
    assert found(texts(lake), {what: (form,)}) == []


def test_the_name_before_a_correction_is_masked_too(tmp_path: Path):
    corrected = (Correction("RE", 0, "2", ((4, "架空　改"), (36, "カクウアラタ"))),)
    made = receipt("medical", Comment("810000001", "架空清十郎は改姓"), corrections=corrected)
    lake = loaded(
        tmp_path, {"11_RECODEINFO_MED.CSV": encode(recode_info_lines([(CLINICS["medical"], made)], JUNE))}
    )
    assert found(texts(lake)) == []


def test_a_comment_without_anything_personal_stays_as_it_is(tmp_path: Path):
    lake = loaded(
        tmp_path, {"a.UKE": uke("medical", receipt("medical", Comment("810000001", "朝夕食後に服用")))}
    )
    assert rows(lake, "comment")["text"].to_list() == ["朝夕食後に服用"]


HEAD = "IR,1,13,1,9990001,,見本クリニック,202406,00,"
RE = "RE,1,1112,202405,架空　清十郎,1,19610203,,,,,,,KARTE-4077" + "," * 22 + ",カクウセイジュウロウ"
HO = "HO,01130012,７７４１２,９９８８７７,2,100"
KO = "KO,51136018,7654321,,2,100"
SN = "SN,1,01,01130012,７７４１２,９９８８７７,01,7654321"
BROKEN = {
    "RE with a field missing before the name": [HEAD, RE.replace(",202405", ""), HO, KO],
    "RE with a field too many before the name": [HEAD, RE.replace(",1112,", ",1112,,"), HO, KO],
    "RE with the name in the type": [HEAD, RE.replace(",1112,202405", ""), HO],
    "RE with the birth date in the month": [HEAD, "RE,1,1112,19610203,架空　清十郎,1,19610203", HO],
    "RE with the kana in the birth date": [HEAD, RE.replace("19610203", "カクウセイジュウロウ"), HO],
    "RE twice in an insurer's receipt": ["1,1,0," + HEAD, "1,2,0," + RE, "1,3,0," + RE, "1,4,0," + HO],
    "HO with a field too many": [HEAD, RE, HO.replace(",01130012,", ",,01130012,"), KO],
    "HO with two fields too many": [HEAD, RE, HO.replace(",01130012,", ",,,01130012,"), KO],
    "HO with the number in the points": [HEAD, RE, "HO,01130012,７７４１２,,2,９９８８７７"],
    "KO with two fields too many": [HEAD, RE, HO, KO.replace(",51136018,", ",,,51136018,")],
    "KO with three fields too many": [HEAD, RE, HO, KO.replace(",51136018,", ",,,,51136018,")],
    "SN before any receipt": [HEAD, SN, RE, HO],
    "everything before any receipt": [HEAD, HO, KO, SN],
    "a name as record id": [HEAD, RE, HO, "架空　清十郎,1,2", "カクウセイジュウロウ"],
    "a name as drug code": [HEAD, RE, HO, "IY,21,1,架空　清十郎,1,1,1"],
    "a name as points": [HEAD, RE, HO, "IY,21,1,620000001,1,架空　清十郎,1"],
    "a number as diagnosis code": [HEAD, RE, HO, "SY,９９８８７７,20240501,1"],
    "a name in a header": [HEAD.replace("202406", "架空　清十郎"), RE, HO],
    "a name in GO": [HEAD, RE, HO, "GO,架空　清十郎,９９８８７７,99"],
    "a name in JD": [HEAD, RE, HO, "JD,1,架空　清十郎,1"],
    "two lines run into one": [HEAD, RE + HO, KO],
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_rejected_line_tells_nothing_of_the_person(what: str, tmp_path: Path):
    lines = BROKEN[what]
    name = "11_RECODEINFO_MED.CSV" if lines[0][0].isdigit() else "a.UKE"
    lake, (report,) = load(tmp_path, {name: "".join(x + "\r\n" for x in lines).encode("cp932")})
    assert found(texts(lake)) == []
    assert in_manifest(lake) == []
    assert found([("report", report.message)]) == []
    assert lake.files()[0].rejects + rows(lake, "intake_flag").height > 0


def test_nothing_printed_tells_who_a_person_is(tmp_path: Path, monkeypatch, capsys):
    more = Comment("810000001", "架空　清十郎")
    put(tmp_path / "in", {f"{k}.UKE": uke(k, receipt(k, more)) for k in CLINICS})
    broken = [HEAD, RE, HO, *(x for lines in BROKEN.values() if not lines[0][0].isdigit() for x in lines)]
    put(tmp_path / "in", {"broken.UKE": "".join(x + "\r\n" for x in broken).encode("cp932")})
    claims: list[Claim] = [(CLINICS[k], receipt(k, more)) for k in CLINICS]
    write_recode_info(tmp_path / "in" / "claims.zip", claims, JUNE)
    monkeypatch.setenv("KENPO_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("KENPO_KEY_FILE", str(key_file(tmp_path)))
    for screen in (output.console, output.errors):
        monkeypatch.setattr(screen, "_width", 400)
    share = "generic_volume_share"
    printed = []
    for command in (
        ["load", "--builtin-masters", str(tmp_path / "in")],
        ["refresh"],
        ["lake"],
        ["lake", "--json"],
        ["lake", "--rejects"],
        ["lake", "--flags"],
        ["show", share, "--by", "institution"],
        ["explain", share, "--month", "2024-05", "--records"],
        ["doctor"],
    ):
        monkeypatch.setattr(sys, "argv", ["kenpo", *command])
        with pytest.raises(SystemExit):
            main()
        printed.append((" ".join(command[:2]), "".join(capsys.readouterr())))
    assert len(printed[3][1]) > 1000
    plain = [(where, hidden_digests(text)) for where, text in printed]
    assert found(plain) == []


def hidden_digests(text: str) -> str:
    """The text without ids, digests, amounts of seconds: random digits in which a short number may stand."""
    if not text.startswith("{"):
        return text
    said = json.loads(text)
    for file in said["files"]:
        for name in ("id", "sha256", "seconds", "size"):
            file.pop(name)
    return json.dumps(said, ensure_ascii=False)


MEMBERSHIP: dict[str, dict[str, str]] = {
    "workplace": {
        "保険者番号": "01130012", "事業所記号": "７７４１２", "業態": "44", "市区町村": "13103", "新規適用年月日": "19900401",
        "社労士委託": "1", "電子申請": "1", "事業所名称": "架空清十郎商店", "郵便番号": "999-0417",
        "事業所所在地": "見本県例示市架空町1-2-3",
    },
    "member": {
        "保険者番号": "01130012", "加入者番号": "KK-70417", "氏名": "架空　清十郎", "カナ氏名": "ｶｸｳ ｾｲｼﾞｭｳﾛｳ",
        "生年月日": "19610203", "性別": "1", "居住市区町村": "13103", "マイナンバー収録": "1", "郵便番号": "999-0417",
        "住所": "見本県例示市架空町1-2-3",
    },
    "enrolment": {
        "保険者番号": "01130012", "加入者番号": "KK-70417", "被保険者の加入者番号": "KK-80418", "記号": "７７４１２",
        "番号": "９９８８７７", "枝番": "01", "生年月日": "19610203", "性別": "1", "カナ氏名": "ｶｸｳ ｾｲｼﾞｭｳﾛｳ",
        "本人家族区分": "2", "続柄": "子", "任意継続": "0", "資格取得年月日": "19900401", "資格喪失年月日": "",
    },
    "remuneration": {
        "保険者番号": "01130012", "加入者番号": "KK-70417", "適用年月": "202309", "標準報酬月額": "300000", "決定事由": "2",
    },
    "bonus": {"保険者番号": "01130012", "加入者番号": "KK-70417", "賞与支払年月日": "20231210", "賞与額": "500000"},
    "card": {
        "保険者番号": "01130012", "加入者番号": "KK-70417", "証の種類": "1", "交付年月日": "20200401", "有効期限": "",
        "回収年月日": "", "回収区分": "",
    },
}  # fmt: skip
"""One sound row of each membership file, with everything that says who the person is."""

MEMBER_SECRETS = {
    **{what: SECRETS[what] for what in ("name", "kana", "number")},
    "person number": ("KK-70417", "KK-80418", "70417", "80418"),
    "postcode": ("999-0417", "9990417"),
    "address": ("見本県例示市架空町1-2-3", "架空町"),
}
"""記号 is kept as the workplace and the birth date as the member's: both alone name nobody."""


def membership_file(*rows: Mapping[str, str], encoding: str = "cp932", extra: str = "") -> bytes:
    """A file of the rows under the first row's headings, each row's cells followed by the extra ones."""
    heads = list(rows[0])
    lines = [",".join([*heads, *([f"{extra}欄"] if extra else [])])]
    lines += [",".join([*(r.get(h, "") for h in heads), *([extra] if extra else [])]) for r in rows]
    return "".join(line + "\r\n" for line in lines).encode(encoding)


def in_part_files(lake: Lake) -> list[str]:
    """Secrets in the bytes of every file under the lake, also of parts that do not count."""
    return [
        f"{what}「{form}」 in {path.name}"
        for path in lake.root.rglob("*")
        if path.is_file()
        for what, forms in MEMBER_SECRETS.items()
        for form in forms
        if len(form) >= 7 or not form.isdigit()
        for encoding in ("utf-8", "cp932")
        if form.encode(encoding) in path.read_bytes()
    ]


def assert_nothing_told(lake: Lake, message: str = "") -> None:
    assert found(texts(lake), MEMBER_SECRETS) == []
    assert found([("report", message)], MEMBER_SECRETS) == []
    assert in_manifest(lake, MEMBER_SECRETS) == []
    assert in_part_files(lake) == []


@pytest.mark.parametrize("kind", MEMBERSHIP)
def test_no_identifying_field_of_a_membership_file_reaches_the_lake(kind: str, tmp_path: Path):
    data = membership_file(MEMBERSHIP[kind], extra="架空　清十郎")
    lake, (report,) = load(tmp_path, {"資格_20240501.csv": data})
    assert rows(lake, kind).height == 1
    assert rows(lake, "intake_flag")["code"].to_list() == ["unknown_columns"]
    assert_nothing_told(lake, report.message)


@pytest.mark.parametrize("text", ["架空　清十郎", "ｶｸｳ ｾｲｼﾞｭｳﾛｳ", "KK-70417", "見本県例示市架空町1-2-3"])
@pytest.mark.parametrize("kind", MEMBERSHIP)
def test_a_membership_row_rejected_for_what_stands_in_the_wrong_column_tells_nothing(
    kind: str, text: str, tmp_path: Path
):
    sound = MEMBERSHIP[kind]
    wrong = [{**sound, column: text} for column in sound if column not in ("事業所記号", "記号")]
    stray = [{**sound, "保険者番号": f"{text},01130012"}, {**sound, "保険者番号": f'"{text}'}]
    lake, (report,) = load(tmp_path, {"資格_20240501.csv": membership_file(sound, *wrong, *stray)})
    assert report.status == "loaded"
    assert rows(lake, "intake_reject").height >= len(stray) + 2
    assert_nothing_told(lake, report.message)


@pytest.mark.parametrize("kind", MEMBERSHIP)
def test_a_membership_file_that_is_refused_tells_nothing(kind: str, tmp_path: Path):
    sound = MEMBERSHIP[kind]
    without = {h: v for h, v in sound.items() if h != "保険者番号"}
    files = {
        "見出しなし_20240501.csv": membership_file(sound).split(b"\r\n", 1)[1],
        "見出し不足_20240501.csv": membership_file(without, extra="架空　清十郎"),
        "日付なし.csv": membership_file(sound, extra="架空　清十郎"),
    }
    lake, reports = load(tmp_path, files)
    assert {r.status for r in reports} == {"failed"}
    assert_nothing_told(lake, "".join(r.message for r in reports))


class TestMemberKey:
    """The key of a member (加入者キー): the same for one person, other for another, bound to the secret key."""

    def keys(self, folder: Path, *patients: Patient, key: str | None = None) -> list[tuple[str, str]]:
        data = uke("medical", *(receipt("medical", patient=p) for p in patients))
        lake = Lake.create(folder / "lake")
        put(folder / "in", {"a.UKE": data})
        path = key_file(folder, key) if key else key_file(folder)
        load_paths(lake, [folder / "in"], key_path=path, workers=1)
        frame = rows(lake, "receipt").sort("source_line")
        return list(zip(frame["member_key"], frame["member_key_loose"], strict=True))

    @pytest.mark.parametrize(
        "change",
        [
            {"symbol": "77412", "number": "998877"},
            {"symbol": "７７４１２", "number": "998877"},
            {"symbol": "７７４　１２", "number": "９９８８７７"},
            {"name": "架空清十郎"},
            {"name": "架空　清十良", "kana": ""},
        ],
    )
    def test_the_same_person_written_otherwise_has_the_same_key(self, change: dict[str, str], tmp_path: Path):
        one, other = self.keys(tmp_path, PERSON, replace(PERSON, **change))
        assert one == other

    @pytest.mark.parametrize(
        "change",
        [
            {"symbol": "７７４１３"},
            {"number": "９９８８７８"},
            {"symbol": "７７４１", "number": "２９９８８７７"},
            {"insurer_number": "01350016"},
            {"birth": date(1961, 2, 4)},
            {"sex": "2"},
        ],
    )
    def test_another_person_has_another_key(self, change: dict[str, Any], tmp_path: Path):
        one, other = self.keys(tmp_path, PERSON, replace(PERSON, **change))
        assert one[0] != other[0]
        assert one[1] != other[1]

    def test_another_branch_number_is_another_person_under_one_loose_key(self, tmp_path: Path):
        one, other = self.keys(tmp_path, PERSON, replace(PERSON, branch_no="02"))
        assert one[0] != other[0]
        assert one[1] == other[1]

    def test_letters_of_another_case_in_the_symbol_are_another_symbol(self, tmp_path: Path):
        one, other = self.keys(tmp_path, replace(PERSON, symbol="ａｂ"), replace(PERSON, symbol="ＡＢ"))
        assert one[0] != other[0]

    def test_another_secret_key_gives_other_values(self, tmp_path: Path):
        (one,) = self.keys(tmp_path / "one", PERSON)
        (same,) = self.keys(tmp_path / "same", PERSON)
        (other,) = self.keys(tmp_path / "other", PERSON, key="5b" * 32)
        assert one == same
        assert not set(one) & set(other)

    def test_the_key_is_the_same_in_both_worlds_and_in_all_kinds(self, tmp_path: Path):
        files = {f"{k}.UKE": uke(k, receipt(k)) for k in CLINICS}
        files["11_RECODEINFO_MED.CSV"] = encode(
            recode_info_lines([(CLINICS["medical"], receipt("medical"))], JUNE)
        )
        lake = loaded(tmp_path, files)
        assert rows(lake, "receipt").height == len(files)
        assert rows(lake, "receipt")["member_key"].n_unique() == 1

    def test_the_secret_key_is_nowhere_in_the_lake(self, tmp_path: Path):
        lake = loaded(tmp_path, {"a.UKE": uke("medical", receipt("medical"))})
        load_facts(lake)
        secret = (tmp_path / "member.key").read_text().strip()
        for path in lake.root.rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes()
                assert bytes.fromhex(secret) not in path.read_bytes()
