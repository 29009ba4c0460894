"""The documentation says everything the program knows: codes, commands, tables, measures, parameters."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import shlex
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer.main

import kenpo
from kenpo.base.branches import branch
from kenpo.base.errors import KenpoError
from kenpo.catalogue import INITIATIVES, MEASURES, WORKLISTS
from kenpo.cli.docs import pages
from kenpo.cli.main import app
from kenpo.cli.output import console
from kenpo.foundation.eligibility.rules import FAULTS
from kenpo.frame import BREAKDOWNS
from kenpo.intake.membership import rules as membership
from kenpo.intake.receipts import rejects as claims
from kenpo.lake.schema import Delivery
from kenpo.lake.tables import ALL_TABLES
from kenpo.lake.tables.members import DELIVERIES
from kenpo.law.loader import all_parameters
from kenpo.synth.receipts import write_uke
from kenpo.synth.records import (
    Diagnosis,
    Drug,
    Institution,
    Patient,
    Receipt,
    Unit,
)

REASONS = {**claims.REASONS, **membership.REASONS}
FLAGS = {**claims.FLAGS, **membership.FLAGS}
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCES = sorted((ROOT / "src" / "kenpo").rglob("*.py"))
JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")
GENERATED = pages(INITIATIVES)
PAGES = ["README.md", "CHANGELOG.md", *(str(p.relative_to(ROOT)) for p in sorted(DOCS.rglob("*.md")))]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(page: str, heading: str = "") -> list[list[str]]:
    """The cells of every table row of a page, or of what stands under a second-level heading that begins so."""
    text = text_of(page)
    if heading:
        found = re.search(rf"^## {re.escape(heading)}.*?$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert found, f"{page} has no heading {heading}"
        text = found[1]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines]
    return [c for c in cells if not set("".join(c)) <= set("-: ")]


def codes(page: str, heading: str) -> dict[str, list[str]]:
    """Code → the other cells, of rows whose first cell is a code."""
    return {r[0].strip("`"): r[1:] for r in rows(page, heading) if r[0].startswith("`")}


# ---- what the program knows --------------------------------------------------------------------------------------


def error_classes() -> list[type[KenpoError]]:
    importlib.import_module("tests.officehome")  # readies Django: the office's modules are imported too
    for module in pkgutil.walk_packages(kenpo.__path__, "kenpo."):
        importlib.import_module(module.name)

    def below(cls: type[KenpoError]) -> Iterator[type[KenpoError]]:
        yield cls
        for sub in cls.__subclasses__():
            yield from below(sub)

    return list(below(KenpoError))


def calls(name: str) -> Iterator[ast.Call]:
    """Every call in the source of a function, class or method whose name matches."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if re.fullmatch(name, called):
                    yield node


def literal(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def error_codes() -> set[str]:
    named = [literal(k.value) for c in calls(r"\w+Error") for k in c.keywords if k.arg == "code"]
    return {cls.code for cls in error_classes()} | {n for n in named if n}


def master_reject_codes() -> set[str]:
    given = [literal(c.args[3]) for c in calls("_rejects") if len(c.args) > 3]
    read = [literal(c.args[0]) for c in calls("_Reader") if c.args]
    return {code for code in (*given, *read) if code}


def master_flag_codes() -> set[str]:
    return {code for c in calls("MasterFlag") if len(c.args) > 1 and (code := literal(c.args[1]))}


def settings() -> set[str]:
    return {
        name
        for path in SOURCES
        for name in re.findall(r"\bKENPO_[A-Z_]+\b", path.read_text(encoding="utf-8"))
    }


def commands(group: Any, before: str = "") -> dict[str, Any]:
    """Every command by the words it is called with: load, plan read."""
    found = {}
    for name, one in group.commands.items():
        found |= commands(one, f"{before}{name} ") if hasattr(one, "commands") else {f"{before}{name}": one}
    return found


COMMANDS = commands(typer.main.get_command(app))


def options(verb: str) -> list[str]:
    return [o for p in COMMANDS[verb].params for o in p.opts if o.startswith("--")]


# ---- errors.md ---------------------------------------------------------------------------------------------------


def test_the_codes_are_found_in_the_source():
    assert {"bad_argument", "other_key", "not_claims", "bad_parameter_file"} <= error_codes()
    assert {"column_count", "wrong_master", "duplicate_code", "missing_value"} <= master_reject_codes()
    assert "master_remark_unread" in master_flag_codes()


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("エラー", error_codes()),
        ("取り込めなかった行", {*REASONS, *master_reject_codes()}),
        ("確認を要する事柄", {*FLAGS, *master_flag_codes()}),
    ],
)
def test_errors_page_has_exactly_the_codes_of_the_source(heading: str, known: set[str]):
    assert set(codes("docs/errors.md", heading)) == known


@pytest.mark.parametrize("heading", ["エラー", "取り込めなかった行", "確認を要する事柄"])
def test_every_code_says_what_it_means_and_what_to_do(heading: str):
    for code, cells in codes("docs/errors.md", heading).items():
        meaning, todo = cells[-2:]
        assert JAPANESE.search(meaning), code
        assert JAPANESE.search(todo) or "kenpo " in todo, code


def test_every_exit_code_is_explained():
    said = {r[0] for r in rows("docs/errors.md", "終了コード")[1:]}
    assert said == {"0", "130", *(str(cls.exit_code) for cls in error_classes())}


def test_error_codes_stand_beside_their_exit_codes():
    said = codes("docs/errors.md", "エラー")
    wrong = {
        cls.code: said[cls.code][0] for cls in error_classes() if said[cls.code][0] != str(cls.exit_code)
    }
    assert wrong == {}


# ---- commands and settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", sorted(COMMANDS))
def test_every_command_and_option_is_in_the_readme(verb: str):
    row = next((r for r in rows("README.md", "Commands") if r[0] == f"`kenpo {verb}`"), None)
    assert row, f"README.md, Commands: kenpo {verb} is missing"
    assert [o for o in options(verb) if f"`{o}`" not in row[2]] == []
    assert [o for o in re.findall(r"`(--[\w-]+)`", row[2]) if o not in options(verb)] == []


def test_every_setting_is_in_the_pages_of_operations_or_deployment():
    """But for those of KENPO_DATABASE…, which kenpo sets for the processes it starts."""
    said = {r[0].strip("`") for page in ("docs/operations.md", "docs/deployment.md") for r in rows(page)}
    assert {name for name in settings() if not name.startswith("KENPO_DATABASE")} - said == set()


@pytest.mark.parametrize("delivery", DELIVERIES, ids=lambda d: d.table.name)
def test_the_operations_page_names_every_heading_of_a_membership_file(delivery: Delivery):
    text = text_of("docs/operations.md")
    section = text.split(f"### {delivery.table.title} `{delivery.table.name}`\n", 1)[1].split("\n#", 1)[0]
    said = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines() if "| `" in line]
    assert [row[:3] for row in said] == [
        [c.title, f"`{c.name}`", "、".join(c.aliases)] for c in delivery.columns
    ]
    absent = {row[1].strip("`") for row in said if row[3] in ("なくてよい", "異動分だけ", "被扶養者は必須")}
    assert absent == set(delivery.absent)


# ---- glossary ----------------------------------------------------------------------------------------------------


def glossary() -> list[list[str]]:
    return [r for r in rows("docs/glossary.md") if r != ["日本語", "English", "code"]]


def test_the_glossary_is_large_and_every_row_is_whole():
    assert len(glossary()) >= 120
    for row in glossary():
        assert len(row) == 3 and all(row), row
        assert JAPANESE.search(row[0]) or row[0].startswith(("☆", "UKE", "DPC")), row


def test_no_term_stands_twice():
    terms = [row[0] for row in glossary()]
    assert sorted({t for t in terms if terms.count(t) > 1}) == []


@pytest.mark.parametrize(
    ("what", "known"),
    [
        ("tables", {f"表 `{name}`" for name in ALL_TABLES}),
        ("measures", {f"`{m}`" for m in MEASURES}),
        ("exclusions", {f"`{reason}`" for m in MEASURES.values() for reason in m.reasons}),
        ("breakdowns", {f"`{name}`" for name in BREAKDOWNS}),
        ("commands", {f"`kenpo {verb}`" for verb in COMMANDS}),
        ("reject reasons", {f"`{code}`" for code in {*REASONS, *master_reject_codes()}}),
        ("flags", {f"`{code}`" for code in {*FLAGS, *master_flag_codes()}}),
        ("parameters", {f"`{p.id}`" for p in all_parameters()}),
        ("initiatives", {f"`{i.pillar}/{i.name}`" for i in INITIATIVES}),
    ],
)
def test_the_glossary_knows_the_code_of(what: str, known: set[str]):
    cells = [row[2] for row in glossary()]
    assert sorted(k for k in known if not any(k in cell for cell in cells)) == [], what


def test_the_glossary_knows_every_japanese_title():
    named = (*ALL_TABLES.values(), *MEASURES.values(), *BREAKDOWNS.values(), *all_parameters(), *INITIATIVES)
    terms = [row[0] for row in glossary()]
    assert [n.title for n in named if not any(n.title in term for term in terms)] == []


# ---- generated pages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_generated_pages_are_up_to_date(name: str):
    """When this fails: `make docs`."""
    path = DOCS / name
    assert path.is_file(), f"{name} is missing: make docs"
    assert path.read_text(encoding="utf-8") == GENERATED[name], f"{name} is stale: make docs"


def test_no_page_is_left_of_a_measure_that_is_gone():
    assert {p.stem for p in (DOCS / "measures").glob("*.md")} == {"README", *MEASURES}


def test_generated_pages_name_everything():
    assert [t for t in ALL_TABLES if f"## {t}\n" not in GENERATED["data-dictionary.md"]] == []
    assert [m for m in MEASURES if f"`{m}`" not in GENERATED["measures/README.md"]] == []
    assert [p.id for p in all_parameters() if f"## {p.id}\n" not in GENERATED["parameters.md"]] == []


# ---- links and the session of the README -------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere_inside_the_repository(page: str):
    path = ROOT / page
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    targets = [(path.parent / link).resolve() for link in links if "://" not in link]
    assert [str(t) for t in targets if not (t.exists() and t.is_relative_to(ROOT))] == []


def test_the_changelog_names_this_version_and_every_parameter():
    text = text_of("CHANGELOG.md")
    assert f"## [{kenpo.__version__}]" in text
    assert [p.id for p in all_parameters() if f"`{p.id}`" not in text] == []


def words(line: str) -> list[str]:
    return re.sub("[│┃┏┓┗┛┡┩└┘━─╇┴┳╞]", " ", line).split()


def three_receipts(folder: Path) -> None:
    """The receipts of the README's session."""
    may = date(2024, 5, 1)
    clinic = Institution("13", "1", "9990001", "架空クリニック")

    def receipt(short: str, number: str, *drugs: tuple[str, int]) -> Receipt:
        insurer = branch(short).insurer_number
        assert insurer is not None
        patient = Patient("架空　太郎", "カクウタロウ", "1", date(1955, 6, 1), insurer, "１２３", number)
        items = tuple(Unit("21", (Drug(code, Decimal(n)),), points=10, times=7) for code, n in drugs)
        diagnoses = (Diagnosis("8833421", may),)
        return Receipt("medical", "1112", may, patient, days=1, items=items, diagnoses=diagnoses)

    receipts = [
        receipt("東京", "1", ("610463166", 3), ("610406386", 1)),
        receipt("東京", "2", ("610463197", 2), ("699999999", 1)),
        receipt("山口", "3", ("610406392", 2)),
    ]
    folder.mkdir()
    write_uke(folder / "RECEIPTC.UKE", clinic, receipts, date(2024, 6, 1))


def test_the_session_in_the_readme_is_what_the_program_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    three_receipts(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KENPO_LAKE", raising=False)
    monkeypatch.setenv("KENPO_KEY_FILE", str(tmp_path / "member.key"))
    monkeypatch.setattr(console, "width", 200)
    blocks = re.findall(r"<!-- session -->\n```\n(.*?)```", text_of("README.md"), re.DOTALL)
    steps = [step for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE) if step]
    assert [s.split()[1] for s in steps] == ["load", "refresh", "show", "explain"]
    for step in steps:
        command, *shown = step.splitlines()
        app(shlex.split(command)[1:], standalone_mode=False)
        said = [words(line) for line in capsys.readouterr().out.splitlines()]
        assert [line for line in shown if line and words(line) not in said] == [], command


def test_the_notebook_example_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    three_receipts(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KENPO_KEY_FILE", str(tmp_path / "member.key"))
    app(["load", "in", "--lake", "lake"], standalone_mode=False)
    (code,) = re.findall(r"```python\n(.*?)```", text_of("README.md"), re.DOTALL)
    *body, last = code.strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join([*body, f"result = {last}"]), names)
    result = names["result"]
    assert result.rows()[0] == ("610463166", date(2024, 5, 1), Decimal(3 * 7))  # type: ignore[attr-defined]


# ---- worklists and faults ----------------------------------------------------------------------------------------


def test_errors_page_has_exactly_the_faults_of_the_membership():
    said = codes("docs/errors.md", "資格データの不整合")
    assert {code: cells[0] for code, cells in said.items()} == FAULTS
    assert all(JAPANESE.search(cells[1]) for cells in said.values())


def test_the_glossary_knows_every_worklist():
    known = {row[2].strip("`"): row[0] for row in glossary()}
    assert [w.id for w in WORKLISTS.values() if w.title not in known.get(w.id, "")] == []
