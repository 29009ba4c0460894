"""`kenpo plan`: from the documents people write to the board and back, as typed at a keyboard; good and bad input."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import date
from pathlib import Path

import pytest
from tests.branches import TinyBranch

from kenpo.cli import output
from kenpo.cli import plan as commands
from kenpo.cli.main import main
from kenpo.intake.documents import read_document
from kenpo.plan.model import Progress
from kenpo.plan.reading import read_plan
from kenpo.plan.store import Plans
from kenpo.synth.plans import make_plans, write_plans
from kenpo.synth.setting import Setting

SETTING = Setting("35", 20_000, date(2024, 4, 1), 24, 1)
PLAN, HALF = "35-2025", "2025H1"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the planners of an invented 山口支部 have written."""
    folder = tmp_path_factory.mktemp("documents")
    write_plans(folder, SETTING)
    return folder


@pytest.fixture
def kenpo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("KENPO_PLANS", str(tmp_path / "plans"))
    monkeypatch.setenv("KENPO_LAKE", str(tmp_path / "no-lake"))
    monkeypatch.setattr(commands, "today", lambda: date(2025, 10, 20))
    for screen in (output.console, output.errors):
        monkeypatch.setattr(screen, "_width", 400)

    def command(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kenpo", "plan", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(exit_.value.code or 0), out, err

    return command


@pytest.fixture(scope="module")
def kept(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan files of all documents: the year's plan first, then every report."""
    store = Plans(tmp_path_factory.mktemp("kept"))
    for path in [documents / "令和7年度事業計画.md", *sorted(documents.glob("*進捗.md"))]:
        reading = read_plan(read_document(path))
        for held in (reading.annual, reading.progress):
            if isinstance(held, Progress) or (held is not None and held.id not in store.ids()):
                store.save(held)
    return store.folder


@pytest.fixture
def read(kenpo, kept: Path, tmp_path: Path):
    """The plan and all reports have been read."""
    shutil.copytree(kept, tmp_path / "plans")
    return kenpo


class TestReading:
    def test_a_plan_is_shown_and_written(self, kenpo, documents: Path, tmp_path: Path):
        code, out, err = kenpo("read", documents / "令和7年度事業計画.md")
        assert (code, err) == (0, "")
        assert "施策 28、KPI 23" in out
        assert "対前年度以下" in out and "毎月実施" in out
        assert (tmp_path / "plans" / "35-2025.yaml").is_file()

    def test_a_plan_that_is_there_is_not_overwritten_by_accident(self, kenpo, documents: Path):
        kenpo("read", documents / "令和7年度事業計画.md", "--quiet")
        code, _, err = kenpo("read", documents / "令和7年度事業計画.md")
        assert code == 2
        assert "同じ計画ファイルがもうあります" in err and "--overwrite" in err
        assert kenpo("read", documents / "令和7年度事業計画.md", "--overwrite", "--quiet")[0] == 0

    def test_a_report_leaves_the_plan_that_is_there_alone(self, kenpo, documents: Path, tmp_path: Path):
        kenpo("read", documents / "令和7年度事業計画.md", "--quiet")
        before = (tmp_path / "plans" / "35-2025.yaml").read_bytes()
        code, out, _ = kenpo("read", documents / "令和7年度上期進捗.md", "--quiet")
        assert (code, "そのままにしました" in out) == (0, True)
        assert (tmp_path / "plans" / "35-2025.yaml").read_bytes() == before
        assert (tmp_path / "plans" / "35-2025.2025H1.yaml").is_file()

    def test_as_json_every_kpi_has_target_actuals_and_source(self, kenpo, documents: Path, tmp_path: Path):
        code, out, _ = kenpo("read", documents / "令和7年度上期進捗.md", "--json")
        told = json.loads(out)
        assert (code, len(told["kpis"])) == (0, 23)
        assert told["progress"] == {"plan": PLAN, "period": HALF}
        assert not (tmp_path / "plans").exists()
        paper = next(p for p in make_plans(SETTING).papers if p.period == "H1")
        for kpi in told["kpis"]:
            assert set(kpi["target"]) >= {"kind", "value"} and kpi["review"] == []
            assert kpi["source"]["text"] and kpi["source"]["where"].endswith("行目")
            said = paper.told[kpi["measure"]]
            if said.state == "value":
                assert kpi["actuals"][0]["value"] == float(said.value or 0)
                assert said.month is not None and kpi["actuals"][0]["as_of"] == f"{said.month:%Y-%m}"

    def test_the_digits_of_a_figure_stay_in_json(self, kenpo, tmp_path: Path):
        paper = tmp_path / "計画.md"
        paper.write_text(
            "# 令和5年度 山口支部 事業計画\n\n## 1. 基盤的保険者機能関係\n\n### ① 点検\n\n"
            "■ KPI：社会保険診療報酬支払基金と合算したレセプト点検の査定率を対前年度以上（0.340％以上）とする\n",
            encoding="utf-8",
        )
        _, out, _ = kenpo("read", paper, "--json")
        assert '"baseline": 0.340,' in out

    def test_what_is_no_plan_is_refused_and_nothing_is_written(self, kenpo, tmp_path: Path):
        letter = tmp_path / "お知らせ.txt"
        letter.write_text("夏の休みのお知らせです。\n", encoding="utf-8")
        code, _, err = kenpo("read", letter)
        assert (code, "1つも見つかりません" in err, "お知らせ.txt" in err) == (2, True, True)
        assert not (tmp_path / "plans").exists()

    def test_a_document_that_does_not_say_whose_it_is_needs_to_be_told(self, kenpo, tmp_path: Path):
        paper = tmp_path / "計画.txt"
        paper.write_text(
            "事業計画\n1. 基盤的保険者機能関係\n① サービス\n■ KPI：申請の郵送化率を95.0％以上とする\n",
            encoding="utf-8",
        )
        code, _, err = kenpo("read", paper)
        assert (code, "--branch" in err, "--year" in err) == (2, True, True)
        assert kenpo("read", paper, "--branch", "山口", "--year", "令和7年度")[0] == 0
        assert (tmp_path / "plans" / "35-2025.yaml").is_file()

    def test_unsure_passages_are_shown_with_their_place(self, kenpo, tmp_path: Path):
        paper = tmp_path / "計画.txt"
        paper.write_text(
            "令和7年度 山口支部 事業計画\n1. 基盤的保険者機能関係\n① 手続\n■ KPI：新しい窓口の満足率を50％以上とする\n",
            encoding="utf-8",
        )
        code, _, err = kenpo("read", paper)
        assert code == 0
        assert "要確認：語彙にないKPIです" in err and "4行目" in err and "新しい窓口の満足率" in err

    def test_a_missing_file_is_named(self, kenpo, tmp_path: Path):
        code, _, err = kenpo("read", tmp_path / "ない.docx")
        assert (code, "ない.docx" in err) == (3, True)


class TestTheBoard:
    def test_every_kpi_has_its_row(self, read):
        code, out, _ = read("board", PLAN, "--period", HALF)
        assert code == 0
        for words in ("サービススタンダード達成率", "段階目標", "下期", "判定", "年度末の見込み", "～"):
            assert words in out or words == "下期"
        assert out.count("│") > 23 * 9

    def test_the_newest_period_is_meant_when_none_is_named(self, read):
        assert "令和7年度上期" in read("board", PLAN)[1]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("board", "99-2025"), "ある計画：35-2023、35-2024、35-2025"),
            (("board", PLAN, "--period", "上期"), "2025H1（上期）"),
            (("board", PLAN, "--period", "2020H1"), "年度のものではありません"),
            (("report", PLAN, "--format", "doc"), "docx、xlsx、pptx、pdf、html"),
            (("report", PLAN, "--document", "slides"), "progress、plan、summary"),
            (
                ("enter", PLAN, "郵送化率", "--as-of", "2025-09", "--by", "業務", "--why", "台帳"),
                "KPIはありません",
            ),
            (
                ("revise", PLAN, "一者応札割合", "--target", "なるべく", "--by", "企画", "--why", "見直し"),
                "目標として読めません",
            ),
        ],
    )
    def test_wrong_words_are_answered_with_what_there_is(self, read, words, said):
        code, _, err = read(*words)
        assert (code, said in err) == (2, True), err

    def test_without_a_folder_of_plans_it_says_what_to_do(self, kenpo):
        code, _, err = kenpo("list")
        assert (code, "kenpo plan read" in err) == (2, True)

    def test_plans_and_periods_are_listed(self, read):
        out = read("list")[1]
        assert "35-2025" in out and "2024Q1、2024Q2、2024Q3、2024Q4" in out

    def test_the_forecast_says_how_it_was_found(self, read):
        out = read("forecast", PLAN, "--period", HALF)[1]
        assert "過去の年度の月ごとの進み方（2023〜2024年度）" in out
        assert "±" in out

    def test_plan_health_names_what_is_missing(self, read):
        assert "担当が書かれていません" in read("health", PLAN, "--period", HALF)[1]


class TestFigures:
    def test_the_lake_fills_what_it_can(self, read, tiny: TinyBranch, tmp_path: Path):
        code, out, _ = read("fill", PLAN, "--period", HALF, "--lake", tiny.lake.root)
        assert (code, "2 件のKPIに実績を記入しました" in out) == (0, True)
        held = Plans(tmp_path / "plans").progress(PLAN, HALF).of("generic_volume_share")
        assert held is not None
        assert {a.source for a in held.actuals} == {"document", "computed"}
        out = read("board", PLAN, "--period", HALF, "--lake", tiny.lake.root)[1]
        assert "出所：kenpo explain generic_volume_share --branch 35 --month 2025-09" in out

    def test_refresh_fills_every_report_that_is_not_finished(self, read, tiny: TinyBranch, tmp_path: Path):
        read("freeze", "35-2024", "--period", "2024Q4", "--by", "企画総務グループ")
        finished = (tmp_path / "plans" / "35-2024.2024Q4.yaml").read_bytes()
        commands.refresh_plans(tmp_path / "plans", tiny.lake)
        store = Plans(tmp_path / "plans")
        held = store.progress(PLAN, HALF).of("mynumber_record_rate")
        assert held is not None and any(a.source == "computed" for a in held.actuals)
        assert (tmp_path / "plans" / "35-2024.2024Q4.yaml").read_bytes() == finished
        before = {p.name: p.read_bytes() for p in store.folder.iterdir()}
        commands.refresh_plans(tmp_path / "plans", tiny.lake)
        assert {p.name: p.read_bytes() for p in store.folder.iterdir()} == before

    def test_an_entry_by_hand_keeps_who_and_why(self, read, tmp_path: Path):
        words = ("--as-of", "2025-09", "--by", "保健グループ", "--why", "健診機関の報告", "--value", "25.1")
        assert read("enter", PLAN, "生活習慣病予防健診実施率", *words)[0] == 0
        held = Plans(tmp_path / "plans").progress(PLAN, HALF).of("lifestyle_checkup_rate")
        assert held is not None
        entered = next(a for a in held.actuals if a.source == "entered")
        assert (str(entered.value), entered.by, entered.why) == ("25.1", "保健グループ", "健診機関の報告")
        assert "25.1％" in read("board", PLAN, "--period", HALF)[1]

    def test_a_rate_over_one_hundred_is_refused(self, read):
        words = ("--as-of", "2025-09", "--by", "保健", "--why", "報告", "--value", "251")
        code, _, err = read("enter", PLAN, "生活習慣病予防健診実施率", *words)
        assert code == 2 and "100" in err

    def test_a_revised_target_keeps_the_one_before(self, read, tmp_path: Path):
        words = ("--target", "66.0％以上", "--by", "企画総務グループ", "--why", "本部の見直し")
        code, out, _ = read("revise", PLAN, "lifestyle_checkup_rate", *words)
        assert code == 0 and "「66.0％以上」に改めた" in out
        kpi = Plans(tmp_path / "plans").plan(PLAN).kpi("lifestyle_checkup_rate")
        assert kpi is not None and kpi.target is not None and kpi.target.kind == "at_least"
        assert (str(kpi.target.value), len(kpi.history)) == ("66.0", 1)
        assert (kpi.history[0].until, kpi.history[0].why) == (date(2025, 10, 19), "本部の見直し")

    def test_all_branches_stand_in_one_table(self, read, tiny: TinyBranch):
        out = read("rollup", "--period", HALF, "--lake", tiny.lake.root)[1]
        assert "全支部" in out and "山口 " in out
        out = read("rollup", "generic_volume_share", "--period", HALF, "--lake", tiny.lake.root)[1]
        assert out.count("│ ") > 47


class TestFinishing:
    def test_a_finished_report_stays_as_it_is(self, read, tmp_path: Path):
        code, out, _ = read("freeze", PLAN, "--period", HALF, "--by", "企画総務グループ")
        assert (code, "確定しました" in out) == (0, True)
        before = (tmp_path / "plans" / "35-2025.2025H1.yaml").read_bytes()
        words = ("--as-of", "2025-09", "--by", "保健", "--why", "報告", "--value", "25.1")
        code, _, err = read("enter", PLAN, "生活習慣病予防健診実施率", *words)
        assert (code, "確定済み" in err, "kenpo plan reopen" in err) == (7, True, True)
        assert (tmp_path / "plans" / "35-2025.2025H1.yaml").read_bytes() == before
        assert "（確定）" in read("board", PLAN, "--period", HALF)[1]

    def test_undoing_needs_a_reason_and_leaves_it_on_record(self, read, tmp_path: Path):
        read("freeze", PLAN, "--period", HALF, "--by", "企画総務グループ")
        assert read("reopen", PLAN, "--period", HALF, "--by", "支部長")[0] == 2
        assert read("reopen", PLAN, "--period", HALF, "--by", "支部長", "--why", "健診の値の訂正")[0] == 0
        events = Plans(tmp_path / "plans").progress(PLAN, HALF).events
        assert [(e.what, e.why) for e in events] == [("frozen", ""), ("reopened", "健診の値の訂正")]

    def test_a_report_changed_behind_its_seal_is_noticed(self, read, tmp_path: Path):
        read("freeze", PLAN, "--period", HALF, "--by", "企画総務グループ")
        path = tmp_path / "plans" / "35-2025.2025H1.yaml"
        path.write_text(
            path.read_text(encoding="utf-8").replace("period: 2025H1", "period: 2025H1\nnotes: [書き足し]"),
            encoding="utf-8",
        )
        code, _, err = read("board", PLAN, "--period", HALF)
        assert (code, "書き換えられています" in err) == (7, True)
        undo = ("reopen", PLAN, "--period", HALF, "--by", "支部長", "--why", "控えがない")
        assert read(*undo)[0] == 7
        assert read(*undo, "--broken")[0] == 0


class TestDocuments:
    def test_reports_are_written_in_the_forms_asked_for(self, read, tmp_path: Path):
        code, out, _ = read(
            "report", PLAN, "--period", HALF, "--format", "docx,html", "--out", tmp_path / "out"
        )
        names = {p.name for p in (tmp_path / "out").iterdir()}
        stems = ("山口支部_2025H1_進捗報告", "山口支部_2025年度_事業計画", "山口支部_2025H1_評議会資料")
        assert (code, names) == (0, {f"{s}.{f}" for s in stems for f in ("docx", "html")})
        assert all(name in out for name in names)

    def test_a_written_report_reads_back_as_the_same_plan(self, read, tmp_path: Path):
        read(
            "report",
            PLAN,
            "--period",
            HALF,
            "--format",
            "docx",
            "--document",
            "progress",
            "--out",
            tmp_path / "out",
        )
        back = read_plan(read_document(tmp_path / "out" / "山口支部_2025H1_進捗報告.docx"))
        held = Plans(tmp_path / "plans").plan(PLAN)
        assert back.annual is not None
        assert [(key, k.measure, k.target) for key, k in back.annual.kpis()] == [
            (key, k.measure, k.target) for key, k in held.kpis()
        ]
