"""Accounts: who keeps them, what is told once, and signing in."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from tests.offices import PASSWORD, People

from kenpo.frame.casekind import Role
from kenpo.office.acting import acting
from kenpo.office.audit import What, verify
from kenpo.office.models import Account, AuditRow

Browse = Callable[[Account], Client]


def _sign_in(client: Client, staff_id: str, password: str = PASSWORD):
    return client.post(reverse("account_login"), {"login": staff_id, "password": password})


def _fresh(client: Client, account: Account) -> Client:
    """A browser whose person has just given the password."""
    assert _sign_in(client, account.staff_id).status_code == 302
    return client


def _entries(account: Account) -> list[AuditRow]:
    with acting(account.actor):
        return list(AuditRow.objects.filter(branch=account.branch).order_by("sequence"))


# ---- signing in --------------------------------------------------------------------------------------------------


def test_yamamoto_signs_in_with_her_number_in_any_case_and_it_is_written_down(client: Client, people: People):
    answer = _sign_in(client, "35-YAMAMOTO")
    assert answer.status_code == 302
    assert [e.what for e in _entries(people.yamamoto)] == [What.SIGNED_IN]


def test_a_wrong_password_is_told_and_written_down_without_the_password(client: Client, people: People):
    answer = _sign_in(client, "35-yamamoto", "chigau-aikotoba-9")
    assert answer.status_code == 200
    entries = _entries(people.yamamoto)
    assert [e.what for e in entries] == [What.SIGN_IN_FAILED]
    assert "chigau" not in repr([vars(e) for e in entries])


def test_five_wrong_passwords_lock_her_out_and_the_right_one_no_longer_helps(client: Client, people: People):
    for _ in range(5):
        _sign_in(client, "35-yamamoto", "chigau-aikotoba-9")
    answer = _sign_in(client, "35-yamamoto")
    assert answer.status_code in (403, 429)
    assert "_auth_user_id" not in client.session
    assert What.LOCKED_OUT in [e.what for e in _entries(people.yamamoto)]


def test_somebody_whose_account_was_stopped_cannot_sign_in(client: Client, people: People):
    people.yamamoto.is_active = False
    people.yamamoto.save()
    _sign_in(client, "35-yamamoto")
    assert "_auth_user_id" not in client.session


def test_nobody_can_sign_up(client: Client, people: People):
    answer = client.post(
        reverse("account_signup"), {"staff_id": "35-mihon", "password1": PASSWORD, "password2": PASSWORD}
    )
    assert not Account.objects.filter(staff_id="35-mihon").exists()
    assert answer.status_code in (200, 403, 404)


def test_a_page_sends_who_has_not_signed_in_to_the_entrance(client: Client, people: People):
    answer = client.get(reverse("accounts"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


def test_a_password_told_once_must_be_changed_before_any_work(browse: Browse, people: People):
    people.yamazaki.must_change_password = True
    people.yamazaki.save()
    answer = browse(people.yamazaki).get(reverse("accounts"))
    assert answer["Location"] == reverse("account_change_password")


def test_where_a_second_factor_is_required_it_is_set_up_before_any_work(
    browse: Browse, people: People, monkeypatch: pytest.MonkeyPatch
):
    from dataclasses import replace

    from django.conf import settings

    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, mfa=True))
    answer = browse(people.yamazaki).get(reverse("accounts"))
    assert answer["Location"] == reverse("mfa_activate_totp")


def test_changing_the_told_password_lets_her_work(client: Client, people: People):
    people.yamazaki.must_change_password = True
    people.yamazaki.save()
    _fresh(client, people.yamazaki)
    client.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": "atarashii-aikotoba-2", "password2": "atarashii-aikotoba-2"},
    )
    people.yamazaki.refresh_from_db()
    assert not people.yamazaki.must_change_password
    assert client.get(reverse("accounts")).status_code == 200


# ---- who keeps accounts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["yamamoto", "yamane", "yamaguchi", "honda", "azuma"])
@pytest.mark.parametrize("page", ["accounts", "account_new"])
def test_only_an_administrator_sees_accounts(browse: Browse, people: People, who: str, page: str):
    assert browse(getattr(people, who)).get(reverse(page)).status_code in (302, 403)
    assert b"35-yamada" not in browse(getattr(people, who)).get(reverse(page)).content


def test_yamazaki_sees_the_accounts_of_her_branch_and_none_of_tokyo(browse: Browse, people: People):
    text = browse(people.yamazaki).get(reverse("accounts")).content.decode()
    assert "山口支部の山本" in text
    assert "東京支部の東" not in text


def test_yamazaki_cannot_change_an_account_of_tokyo_by_its_number(client: Client, people: People):
    _fresh(client, people.yamazaki)
    assert client.get(reverse("account_edit", args=[people.azuma.pk])).status_code == 404
    assert client.post(reverse("account_act", args=[people.azuma.pk, "stop"])).status_code == 404
    people.azuma.refresh_from_db()
    assert people.azuma.is_active


def test_changing_accounts_asks_for_the_password_again(browse: Browse, people: People):
    answer = browse(people.yamazaki).get(reverse("account_new"))
    assert answer.status_code == 302
    assert reverse("account_reauthenticate") in answer["Location"]


def test_a_new_account_gets_a_password_that_is_told_once_and_written_down_nowhere(
    client: Client, people: People
):
    _fresh(client, people.yamazaki)
    answer = client.post(
        reverse("account_new"),
        {"staff_id": "35-Mihon", "name": "山口支部の見本", "branch": "35", "roles": ["health_clerk"]},
    )
    found = re.search(r"<code>([0-9a-z-]{19})</code>", answer.content.decode())
    assert found
    made = Account.objects.get(staff_id="35-mihon")
    assert made.check_password(found[1])
    assert made.must_change_password
    entries = _entries(people.yamazaki)
    assert entries[-1].what == What.ACCOUNT_CHANGED
    assert found[1] not in repr([vars(e) for e in entries])
    assert "no-store" in answer["Cache-Control"]


def test_a_role_of_head_office_cannot_be_given_in_a_branch(client: Client, people: People):
    _fresh(client, people.yamazaki)
    answer = client.post(
        reverse("account_new"),
        {"staff_id": "35-mihon", "name": "見本", "branch": "35", "roles": ["head_office"]},
    )
    assert answer.status_code == 422
    assert "この支部では持てない役割" in answer.content.decode()


def test_an_administrator_of_a_branch_cannot_make_an_account_in_tokyo(client: Client, people: People):
    _fresh(client, people.yamazaki)
    answer = client.post(
        reverse("account_new"),
        {"staff_id": "13-mihon", "name": "見本", "branch": "13", "roles": ["branch_head"]},
    )
    assert answer.status_code == 422
    assert not Account.objects.filter(staff_id="13-mihon").exists()


def test_nobody_gives_themselves_a_role(client: Client, people: People):
    _fresh(client, people.yamazaki)
    answer = client.post(
        reverse("account_edit", args=[people.yamazaki.pk]),
        {"name": "山崎", "roles": ["administrator", "branch_head"]},
    )
    assert answer.status_code == 422
    people.yamazaki.refresh_from_db()
    assert people.yamazaki.roles == [Role.ADMINISTRATOR]


def test_a_stopped_account_is_signed_out_at_once(client: Client, browse: Browse, people: People):
    hers = browse(people.yamamoto)
    assert hers.get(reverse("account")).status_code == 200
    _fresh(client, people.yamazaki)
    client.post(reverse("account_act", args=[people.yamamoto.pk, "stop"]))
    assert hers.get(reverse("account")).status_code == 302


def test_a_lock_is_taken_off(client: Client, people: People):
    other = Client()
    for _ in range(5):
        _sign_in(other, "35-yamamoto", "chigau-aikotoba-9")
    _fresh(client, people.yamazaki)
    client.post(reverse("account_act", args=[people.yamamoto.pk, "unlock"]))
    assert _sign_in(other, "35-yamamoto").status_code == 302
    assert "_auth_user_id" in other.session


# ---- the audit log -----------------------------------------------------------------------------------------------


def test_the_branch_head_reads_the_log_of_the_branch_and_only_that(browse: Browse, people: People):
    for account in (people.yamamoto, people.azuma):
        _sign_in(Client(), account.staff_id)
    text = browse(people.yamaguchi).get(reverse("audit")).content.decode()
    assert "35-yamamoto" in text
    assert "13-azuma" not in text


@pytest.mark.parametrize("who", ["yamamoto", "yamane", "azuma"])
def test_others_do_not_read_the_log(browse: Browse, people: People, who: str):
    assert browse(getattr(people, who)).get(reverse("audit")).status_code == 403


def test_everybody_sees_what_is_written_of_themselves(browse: Browse, people: People):
    text = browse(people.yamamoto).get(reverse("account")).content.decode()
    assert "ログイン" in text


def test_a_whole_log_passes_and_an_altered_or_thinned_one_is_found(client: Client, people: People):
    for _ in range(3):
        _sign_in(Client(), "35-yamamoto")
    rows = _entries(people.yamamoto)
    assert verify(rows) == []
    rows[1].detail = "書換え"
    assert any("変えられて" in fault for fault in verify(rows))
    rows = _entries(people.yamamoto)
    assert verify([rows[0], rows[2]])


def test_the_page_that_checks_the_log_says_it_is_whole(browse: Browse, people: People):
    text = browse(people.yamaguchi).get(reverse("audit_check")).content.decode()
    assert "異常はありません" in text


# ---- hardening ---------------------------------------------------------------------------------------------------


def test_pages_may_load_nothing_from_elsewhere_and_run_no_inline_script(browse: Browse, people: People):
    answer = browse(people.yamamoto).get(reverse("account"))
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    text = answer.content.decode()
    assert not re.search(r"""(src|href)=["']https?://""", text)
    assert not re.search(r"<script(?![^>]*src=)", text)
    assert not re.search(r"""<[^>]+\sstyle=""", text)


def test_a_form_from_elsewhere_is_refused_with_a_page_in_japanese(people: People):
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(reverse("account_login"), {"login": "35-yamamoto", "password": PASSWORD})
    assert answer.status_code == 403
    assert "もう一度" in answer.content.decode()


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client: Client, people: People):
    _sign_in(client, "35-yamamoto")
    cookie = client.cookies["kenpo_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
