"""People walk through the office from one page to the next, as they would: in real Chromium, with `kenpo serve`, a database
of its own and a small lake.

The tests stand in the order of the work; each goes on where the one before left things.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect
from tests.branches import TwoBranches, member_rows
from tests.full_branch import write_plan
from tests.offices import PASSWORD, FreshOffice
from tests.walks import Walks, chromium, code, hire, served, shots, sign_in, unfold

YAMAMOTO, YAMADA, YAMANE = "35-yamamoto", "35-yamada", "35-yamane"
HEAD, KANRI, AZUMA, HONDA = "35-yamaguchi", "35-kanri", "13-azuma", "00-honda"
PEOPLE = (
    (YAMAMOTO, "山口支部の山本", "35", "planning_clerk"),
    (YAMADA, "山口支部の山田", "35", "planning_checker"),
    (YAMANE, "山口支部の山根", "35", "planning_approver"),
    (HEAD, "山口支部の山口支部長", "35", "branch_head"),
    (AZUMA, "東京支部の東", "13", "planning_clerk"),
    (HONDA, "本部の本田", "00", "head_office"),
)


@pytest.fixture(scope="module")
def office(module_office: FreshOffice, both: TwoBranches) -> FreshOffice:
    """An office where everybody has a second factor, with the lake and the identities of two branches."""
    folder = module_office.home.parent
    made = FreshOffice(module_office.home, {**module_office.environ, "KENPO_MFA": "1"})
    shutil.copytree(both.lake_path, folder / "lake")
    shutil.copy(both.lake_path.parent / "member.key", folder / "member.key")
    done = made.run("office", "identities", *(str(branch / "加入者") for branch in both.folders.values()))
    assert done.returncode == 0, done.stderr
    write_plan(folder / "plans")
    hire(made, *PEOPLE)
    return made


@pytest.fixture(scope="module")
def walks(office: FreshOffice, playwright: Playwright) -> Iterator[Walks]:
    """The office, served, and everybody's browser. At the end nobody complained and nothing came from elsewhere."""
    with chromium(playwright) as browser, served(office, office.home.parent) as url:
        made = Walks(url, browser, shots())
        yield made
        made.close()
        assert "\n".join(made.complaints) == ""
        assert made.asked == {url.removeprefix("http://")}


# ---- getting in ------------------------------------------------------------------------------------------------------


def test_an_administrator_gets_in_with_the_password_told_once_and_sets_up_the_second_factor(
    walks: Walks, office: FreshOffice
) -> None:
    told = office.run("office", "admin", KANRI, "--name", "山口支部の管理", "--branch", "35").stdout
    (password,) = re.findall(r"1回限りのパスワード\s+(\S+)", told)
    page = walks.window(KANRI)
    page.goto("/accounts/")
    walks.look(page, "ログイン")
    page.get_by_label("職員番号").fill(KANRI)
    page.get_by_label("パスワード").fill(password)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="パスワードの変更")).to_be_visible()
    walks.look(page, "パスワードの変更")
    page.get_by_label("現在のパスワード").fill(password)
    page.get_by_label("新しいパスワード").first.fill(PASSWORD)
    page.get_by_label("新しいパスワード").last.fill(PASSWORD)
    page.get_by_role("button", name="変更する").click()
    page.wait_for_load_state()
    page.goto("/")

    expect(page.get_by_role("heading", name="本人の確認")).to_be_visible()
    walks.look(page, "本人の確認")
    page.get_by_label("パスワード").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="認証アプリの登録")).to_be_visible()
    walks.look(page, "認証アプリの登録")
    secret = page.locator("span.code").inner_text()
    page.get_by_role("textbox").fill("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").first).to_be_visible()
    page.get_by_role("textbox").fill(code(secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="回復コード")).to_be_visible()
    walks.look(page, "回復コード")
    page.goto("/accounts/")
    expect(page.get_by_role("heading", name="利用者", exact=True)).to_be_visible()
    walks.look(page, "利用者")
    walks.pages[KANRI] = page


def test_an_administrator_makes_an_account_whose_person_locks_herself_out_and_is_let_in_again(
    walks: Walks,
) -> None:
    admin = walks.pages[KANRI]
    admin.get_by_role("link", name="利用者を登録する").click()
    walks.look(admin, "利用者の登録")
    admin.get_by_label("職員番号").fill("35-Mihon")
    admin.get_by_label("氏名").fill("山口支部の見本")
    admin.get_by_label("保健グループ 担当者").check()
    admin.get_by_role("button", name="登録する").click()
    walks.look(admin, "パスワードの発行")
    password = admin.locator("dd code").inner_text()

    hers = walks.window("35-mihon")
    hers.goto("/")
    for _ in range(5):
        hers.get_by_label("職員番号").fill("35-mihon")
        hers.get_by_label("パスワード").fill("chigau-aikotoba-9")
        hers.keyboard.press("Enter")
        hers.wait_for_load_state()
    expect(hers.get_by_role("heading", name="しばらくログインできません")).to_be_visible()
    walks.look(hers, "ログインの停止")

    admin.get_by_role("link", name="利用者の一覧へ").click()
    admin.get_by_role("link", name="山口支部の見本").click()
    walks.look(admin, "利用者の変更")
    admin.get_by_role("button", name="ログインの停止を解く").click()
    expect(admin.get_by_text("ログインの停止を解きました")).to_be_visible()
    hers.goto("/account/login/")
    hers.get_by_label("職員番号").fill("35-mihon")
    hers.get_by_label("パスワード").fill(password)
    hers.keyboard.press("Enter")
    expect(hers.get_by_role("heading", name="パスワードの変更")).to_be_visible()


def test_a_clerk_signs_in_by_the_keyboard_and_sees_today(walks: Walks) -> None:
    page = walks.window(YAMAMOTO)
    page.goto("/")
    sign_in(page, YAMAMOTO)
    walks.look(page, "今日_何もない")
    walks.pages[YAMAMOTO] = page


# ---- from the list to the letter ---------------------------------------------------------------------------------------


def test_cases_are_opened_from_a_worklist_once_the_plan_was_looked_at(walks: Walks) -> None:
    page = walks.of(YAMAMOTO)
    page.get_by_role("link", name="対象者リスト").click()
    walks.look(page, "対象者リスト")
    page.get_by_role("link", name=re.compile("リストを見る.*ジェネリック")).first.click()
    walks.look(page, "対象者リストの行")
    page.get_by_role("link", name=re.compile("案件を始める")).first.click()
    walks.look(page, "案件を始める")
    page.get_by_label("最近連絡した人を除く日数").fill("0")
    page.get_by_role("button", name="準備する").click()
    begin = page.get_by_role("button", name=re.compile("件の案件を始める"))
    expect(begin).to_be_visible(timeout=60_000)
    walks.look(page, "案件を始める_確認")
    begin.click()
    expect(page.get_by_role("link", name="案件の一覧へ")).to_be_visible(timeout=60_000)
    walks.look(page, "案件を始める_結果")
    page.get_by_role("link", name="案件の一覧へ").click()
    expect(page.get_by_role("row")).to_have_count(1 + 8)


def test_a_clerk_works_case_after_case_without_leaving_the_queue(walks: Walks) -> None:
    page = walks.of(YAMAMOTO)
    page.goto("/")
    walks.look(page, "今日")
    page.get_by_role("main").get_by_role("link", name="ジェネリック医薬品軽減額通知の発送").click()
    walks.look(page, "案件の一覧")
    page.get_by_role("row").nth(1).get_by_role("link").press("Enter")
    beside = page.get_by_role("region", name="選んだ案件")
    expect(beside.get_by_role("button", name="判断する")).to_be_visible()
    walks.look(page, "案件の一覧と案件")
    for _ in range(2):
        case = beside.locator("[data-case]").get_attribute("data-case")
        beside.get_by_role("button", name="判断する").press("Enter")
        beside.get_by_role("button", name="送る人に選ぶ").press("Enter")
        expect(beside.locator("[data-case]")).not_to_have_attribute("data-case", case or "")
        assert "/cases/generic_notice/" in page.url
    walks.look(page, "案件の一覧で1件を終えたところ")


def test_a_case_is_found_by_its_number_and_by_conditions(walks: Walks) -> None:
    page = walks.of(YAMAMOTO)
    page.goto("/cases/generic_notice/")
    number = page.get_by_role("row").nth(1).locator(".id").first.inner_text()
    page.get_by_label("番号で探す").fill(number)
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(1 + 1)
    page.goto("/cases/generic_notice/")
    page.get_by_label("状態").select_option("決裁待ち")
    page.get_by_role("button", name="絞り込む").click()
    expect(page.get_by_role("row")).to_have_count(1 + 2)
    walks.look(page, "案件の一覧_絞り込み")


def test_many_are_selected_approved_and_sent_at_once(walks: Walks) -> None:
    for who, operation, left in (
        (YAMAMOTO, "送る人に選ぶ", 8),
        (YAMANE, "発送を決裁する", 8),
        (YAMAMOTO, "印刷に回して発送する", 8),
    ):
        page = walks.of(who)
        page.goto("/cases/generic_notice/")
        page.get_by_label("操作").select_option(operation)
        page.get_by_role("button", name=re.compile("すべての確認へ")).click()
        walks.look(page, "一括操作の確認")
        page.get_by_role("button", name=f"{left}件に行う").click()
        expect(page.get_by_text(re.compile("できたもの"))).to_be_visible()
        walks.look(page, "一括操作の結果")


def test_letters_are_printed_and_downloaded_and_one_comes_back(walks: Walks) -> None:
    page = walks.of(YAMAMOTO)
    page.get_by_role("link", name="通知の発送").first.click()
    walks.look(page, "通知の発送")
    page.get_by_role("link", name=re.compile("印刷の準備")).click()
    walks.look(page, "印刷の準備")
    with page.expect_download() as preview:
        page.get_by_role("link", name="見本のPDFを見る").click()
    assert Path(preview.value.path()).read_bytes().startswith(b"%PDF-")
    page.get_by_role("button", name="内容を確かめる").click()
    walks.look(page, "印刷の確認")
    page.get_by_role("button", name=re.compile("通を印刷する")).click()
    pdf = page.get_by_role("link", name=re.compile("通知.*束 1"))
    expect(pdf).to_be_visible(timeout=60_000)
    walks.look(page, "発送の結果")
    with page.expect_download() as letters:
        pdf.click()
    assert Path(letters.value.path()).read_bytes().startswith(b"%PDF-")
    number = page.get_by_role("region", name="通知", exact=True).get_by_role("rowheader").first.inner_text()

    page.get_by_role("link", name="返送の記録").first.click()
    walks.look(page, "返送の記録")
    page.get_by_label("受付番号か文書番号").fill(number)
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile(f"{number} の返送（宛所不明）を記録しました"))).to_be_visible()
    walks.look(page, "返送の記録_1通")
    page.get_by_role("region", name="いま記録したもの").get_by_role("link").first.click()
    expect(page.get_by_text("宛所不明", exact=True).first).to_be_visible()
    walks.look(page, "案件_返送された通知")


# ---- a voice ---------------------------------------------------------------------------------------------------------


def test_a_voice_is_taken_down_answered_with_three_signatures_and_ended(walks: Walks) -> None:
    page = walks.of(YAMAMOTO)
    page.goto("/cases/customer_voice/")
    walks.look(page, "案件の一覧_何もない")
    page.get_by_role("link", name="案件を受け付ける").first.click()
    walks.look(page, "案件を受け付ける")
    page.get_by_label("受付経路").select_option("電話")
    page.get_by_role("radio", name="苦情").check()
    page.get_by_label("対象業務").select_option("現金給付")
    page.get_by_label(re.compile("申出の内容")).fill("申請から振込みまでの日数が分からない。")
    page.get_by_role("group", name=re.compile("回答を希望")).get_by_role("radio", name="はい").check()
    page.get_by_role("button", name="受け付ける").click()
    expect(page.get_by_text("案件を受け付けました")).to_be_visible()
    walks.look(page, "案件_お客様の声")

    page.get_by_role("link", name="訂正する").click()
    walks.look(page, "内容の訂正")
    page.get_by_role("group", name="回答方法").get_by_role("radio", name="電話").check()
    page.get_by_label(re.compile("^回答内容")).fill("受付から10営業日以内にお支払いしています。")
    page.get_by_label(re.compile("訂正する理由")).fill("調べた結果を書いた。")
    page.get_by_role("button", name="訂正する").click()
    page.get_by_role("button", name="判断する").click()
    page.get_by_role("button", name="回答案を出す").click()
    expect(page.get_by_text("「回答案（確認待ち）」にしました")).to_be_visible()
    here = page.url

    for who, button, after in (
        (YAMADA, "回答案を確認済みにする", "回答案（決裁待ち）"),
        (YAMANE, "回答を決裁する", "回答待ち"),
    ):
        other = walks.of(who)
        other.goto(here)
        walks.look(other, f"案件_{who}")
        other.get_by_role("button", name=button).click()
        expect(other.get_by_text(f"「{after}」にしました")).to_be_visible()

    page.goto(here)
    expect(page.get_by_role("heading", name="決裁の段階")).to_be_visible()
    unfold(page, "理由を書いて行う")
    page.get_by_label("理由・メモ").fill("電話で説明した。")
    page.get_by_role("button", name="書面によらず回答した").click()
    page.get_by_role("button", name="改善を検討する").click()
    unfold(page, "理由を書いて行う")
    page.get_by_role("button", name="改善なしで終える").click()
    expect(page.get_by_text("理由を書いてください").first).to_be_visible()
    page.get_by_label("理由・メモ").fill("案内の文は足りている。")
    page.get_by_role("button", name="改善なしで終える").click()
    expect(page.get_by_text("この案件は終わっています")).to_be_visible()
    walks.look(page, "案件_終わったもの")


def test_a_file_is_added_opened_and_withdrawn(walks: Walks, tmp_path: Path) -> None:
    paper = tmp_path / "控え.txt"
    paper.write_text("架空の控え", encoding="utf-8")
    page = walks.of(YAMAMOTO)
    page.goto("/cases/generic_notice/?state=sent")
    page.get_by_role("row").nth(2).get_by_role("link").click()
    page.get_by_role("link", name="ページで開く").click()
    page.get_by_text("ファイルを添付する").click()
    page.get_by_label(re.compile("^ファイル")).set_input_files(paper)
    page.get_by_role("button", name="添付する").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="控え.txt", exact=True).click()
    assert Path(saved.value.path()).read_text(encoding="utf-8") == "架空の控え"
    page.get_by_role("link", name=re.compile("取り下げる")).click()
    walks.look(page, "添付ファイルの取下げ")
    page.get_by_label("取り下げる理由").fill("別の案件のもの。")
    page.get_by_role("button", name="取り下げる").click()
    expect(page.get_by_text("添付ファイルを取り下げました")).to_be_visible()


# ---- people ------------------------------------------------------------------------------------------------------------


def test_somebody_is_found_by_name_and_their_wish_not_to_be_written_to_is_kept(
    walks: Walks, both: TwoBranches
) -> None:
    row = next(row for row in member_rows(both.folders["35"], "加入者") if row["氏名"].strip())
    page = walks.of(YAMAMOTO)
    page.get_by_role("link", name="個人情報で探す").first.click()
    walks.look(page, "個人情報で探す")
    page.get_by_label(re.compile("^氏名")).fill(row["氏名"])
    page.get_by_label(re.compile("^目的")).select_option("電話・窓口の問合せへの対応")
    page.get_by_role("button", name="探す").click()
    expect(page.get_by_role("heading", name=re.compile("該当"))).to_be_visible()
    walks.look(page, "個人情報で探す_結果")
    page.get_by_role("button", name=re.compile("氏名・住所を開く")).first.click()
    expect(page.get_by_text(row["氏名"].strip()).first).to_be_visible()
    walks.look(page, "個人情報")
    page.get_by_role("link", name=re.compile("希望しない")).last.click()
    walks.look(page, "通知を希望しない申出")
    page.get_by_role("radio", name="すべての勧奨・お知らせ").check()
    page.get_by_role("button", name="記録する").click()
    expect(page.get_by_text("申出を記録しました")).to_be_visible()
    walks.look(page, "通知を希望しない人")
    page.get_by_role("link", name=re.compile("取下げ")).first.click()
    walks.look(page, "申出の取下げ")
    page.get_by_role("button", name=re.compile("記録する")).click()
    expect(page.get_by_text("取下げを記録しました")).to_be_visible()


def test_a_checker_gives_cases_to_somebody_else(walks: Walks) -> None:
    page = walks.of(YAMADA)
    page.get_by_role("link", name="仕事の分担").first.click()
    walks.look(page, "仕事の分担")
    page.get_by_label("案件の種類").select_option("ジェネリック医薬品軽減額通知の発送")
    page.get_by_label("だれへ").select_option("山口支部の山本")
    page.get_by_role("spinbutton", name="件数").fill("3")
    page.get_by_label("理由").fill("研修のため")
    page.get_by_role("button", name="移す").click()
    expect(page.get_by_text("できたもの 3件")).to_be_visible()


# ---- those from elsewhere ----------------------------------------------------------------------------------------------


def test_azuma_of_tokyo_sees_nothing_of_yamaguchi_even_with_the_address_of_a_case(walks: Walks) -> None:
    hers = walks.of(YAMAMOTO)
    hers.goto("/cases/generic_notice/")
    address = hers.get_by_role("row").nth(1).get_by_role("link").get_attribute("href")
    page = walks.of(AZUMA)
    expect(page.get_by_text("東京支部").first).to_be_visible()
    page.goto(address or "")
    page.goto("/case/" + re.findall(r"[0-9a-f]{32}", hers.content())[0] + "/")
    expect(page.get_by_role("heading", name="見つかりません")).to_be_visible()
    walks.look(page, "見つからない")
    page.goto("/accounts/")
    expect(page.get_by_role("heading", name="この画面は開けません")).to_be_visible()
    walks.look(page, "権限がない")


def test_head_office_sees_all_branches_chooses_one_and_changes_nothing(walks: Walks) -> None:
    page = walks.of(HONDA)
    walks.look(page, "全支部の件数")
    page.get_by_label("見る支部").select_option("山口支部")
    page.get_by_role("button", name="切り替える").click()
    page.get_by_role("main").get_by_role("link", name="ジェネリック医薬品軽減額通知の発送").click()
    page.get_by_role("row").nth(1).get_by_role("link").click()
    expect(page.get_by_text("本部からは見るだけです")).to_be_visible()
    walks.look(page, "本部が見る案件")


# ---- the pages nobody came by -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "place", "name"),
    [
        (YAMAMOTO, "/me/", "アカウント"),
        (YAMAMOTO, "/me/tokens/", "APIの鍵"),
        (YAMAMOTO, "/account/2fa/", "二段階認証"),
        (YAMAMOTO, "/jobs/", "処理の状況"),
        (YAMAMOTO, "/retention/", "保存期間"),
        (YAMAMOTO, "/worklists/openings/", "案件を始めた記録"),
        (YAMAMOTO, "/board/", "計画の進捗"),
        (YAMAMOTO, "/board/generic_volume_share/", "1つのKPI"),
        (YAMAMOTO, "/boards/", "全支部の進捗"),
        (YAMAMOTO, "/boards/kpis/", "全支部のKPI"),
        (YAMAMOTO, "/boards/generic_volume_share/", "1つのKPIの全支部"),
        (YAMAMOTO, "/plans/", "事業計画の一覧"),
        (YAMAMOTO, "/plans/35-2025/", "事業計画"),
        (YAMAMOTO, "/plans/35-2025/2025H1/", "進捗報告"),
        (YAMAMOTO, "/plans/import/", "計画の取込"),
        (HONDA, "/boards/plans/", "全支部の計画"),
        (HEAD, "/audit/", "操作記録"),
        (HEAD, "/audit/check/", "操作記録の検査"),
    ],
)
def test_every_other_page_is_well_made(walks: Walks, who: str, place: str, name: str) -> None:
    page = walks.of(who)
    answer = page.goto(place)
    assert answer and answer.status == 200
    walks.look(page, name)


def test_signing_out_ends_it_also_for_the_page_one_goes_back_to(walks: Walks) -> None:
    page = walks.of(HEAD)
    page.goto("/")
    page.locator("summary").filter(has_text="利用者のメニュー").click()
    page.get_by_role("button", name="ログアウト").click()
    page.go_back()
    expect(page.get_by_role("heading", name="ログイン", exact=True)).to_be_visible()
