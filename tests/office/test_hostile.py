"""What somebody tries who means ill, or whose machine does: it is refused, told as little as possible, and leaves nothing."""

import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from tests.office_cases import open_voice
from tests.offices import PASSWORD, People

from kenpo.office.acting import acting
from kenpo.office.audit import What
from kenpo.office.models import Account, AuditRow

Browse = Callable[[Account], Client]


def sign_in(account: Account, **more: str) -> Client:
    """A browser in which someone has given number and password."""
    client = Client(headers={"accept-language": "ja"})
    client.post(reverse("account_login"), {"login": account.staff_id, "password": PASSWORD, **more})
    return client


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def told(account: Account) -> list[str]:
    with acting(account.actor):
        return [r.what for r in AuditRow.objects.filter(branch=account.branch).order_by("sequence")]


# ---- the second factor -------------------------------------------------------------------------------------------


@pytest.fixture
def secret(people: People) -> str:
    """The secret of 山本's second factor."""
    made = generate_totp_secret()
    TOTP.activate(people.yamamoto, made)
    return made


def code(secret: str, later: int = 0) -> str:
    """The code that holds now, or so many half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later))


def give(client: Client, said: str):
    return client.post(reverse("mfa_authenticate"), {"code": said})


def test_a_password_alone_does_not_let_in_who_has_a_second_factor(people: People, secret: str) -> None:
    client = sign_in(people.yamamoto)
    assert not signed_in(client)
    assert client.get(reverse("today"))["Location"].startswith(reverse("account_login"))
    give(client, code(secret))
    assert signed_in(client)


def test_wrong_codes_lock_out_as_wrong_passwords_do_and_are_written_down(people: People, secret: str) -> None:
    client = sign_in(people.yamamoto)
    for n in range(5):
        give(client, f"{(int(code(secret)) + 1 + n) % 1_000_000:06d}")
    assert told(people.yamamoto).count(What.SIGN_IN_FAILED) == 5
    assert What.LOCKED_OUT in told(people.yamamoto)
    answer = give(client, code(secret))
    assert not signed_in(client)
    assert "ログインを止めています" in answer.content.decode()
    assert not signed_in(sign_in(people.yamamoto))


def test_giving_the_password_again_in_between_does_not_begin_the_count_anew(
    people: People, secret: str
) -> None:
    for n in range(5):
        give(sign_in(people.yamamoto), f"{(int(code(secret)) + 1 + n) % 1_000_000:06d}")
    assert What.LOCKED_OUT in told(people.yamamoto)


def test_a_code_that_was_seen_serves_nobody_else(
    people: People, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TOTP, "_mark_code_used", lambda self, code: True)  # another process does not know
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now)
    seen = code(secret)
    first, second = sign_in(people.yamamoto), sign_in(people.yamamoto)
    give(first, seen)
    give(second, seen)
    assert (signed_in(first), signed_in(second)) == (True, False)
    monkeypatch.setattr("time.time", lambda: now + 30)
    give(second, code(secret))
    assert signed_in(second)


# ---- sessions ----------------------------------------------------------------------------------------------------


def test_a_session_somebody_planted_is_not_the_one_that_is_signed_in(people: People) -> None:
    client = Client()
    client.get(reverse("account_login"))
    planted = client.session
    planted["planted"] = True
    planted.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key
    client.post(reverse("account_login"), {"login": "35-yamamoto", "password": PASSWORD})
    assert signed_in(client)
    assert client.session.session_key != planted.session_key
    assert not Session.objects.filter(session_key=planted.session_key).exists()


def test_signing_out_ends_the_session_also_for_who_kept_its_cookie(people: People) -> None:
    client, thief = sign_in(people.yamamoto), Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert thief.get(reverse("account")).status_code == 200
    client.post(reverse("account_logout"))
    assert thief.get(reverse("account")).status_code == 302


def test_changing_the_password_signs_out_everywhere_else(people: People) -> None:
    here, elsewhere = sign_in(people.yamamoto), sign_in(people.yamamoto)
    new = "atarashii-aikotoba-2"
    here.post(
        reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": new, "password2": new}
    )
    assert here.get(reverse("account")).status_code == 200
    assert elsewhere.get(reverse("account")).status_code == 302


@pytest.mark.parametrize("act", ["stop", "reset_password", "reset_mfa"])
def test_what_an_administrator_does_to_an_account_ends_its_sessions_at_once(people: People, act: str) -> None:
    hers, admin = sign_in(people.yamamoto), sign_in(people.yamazaki)
    admin.post(reverse("account_act", args=[people.yamamoto.pk, act]))
    assert hers.get(reverse("account")).status_code == 302


def test_a_role_that_was_taken_away_counts_at_once(people: People) -> None:
    hers = sign_in(people.yamamoto)
    assert hers.get("/cases/generic_notice/").status_code == 200
    people.yamamoto.roles = ["health_clerk"]
    people.yamamoto.save()
    assert hers.get("/cases/generic_notice/").status_code == 403


def test_the_cookies_are_for_this_site_alone_and_no_script_reads_them(people: People) -> None:
    client = sign_in(people.yamamoto)
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Strict"


# ---- where one is sent ---------------------------------------------------------------------------------------------

ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "https:evil.example",
    "javascript:alert(1)",
    "/%09/evil.example",
    "\t//evil.example",
)


def leads_away(place: str) -> bool:
    """Whether a browser would leave the office at an address, which it reads with \\ as / and without tabs."""
    plain = place.replace("\\", "/").replace("\t", "").strip()
    return not plain.startswith("/") or plain.startswith("//")


@pytest.mark.parametrize("place", ELSEWHERE)
def test_after_signing_in_nobody_is_sent_elsewhere(people: People, place: str) -> None:
    answer = Client().post(
        reverse("account_login"), {"login": "35-yamamoto", "password": PASSWORD, "next": place}
    )
    assert answer.status_code == 302
    assert not leads_away(answer["Location"])


@pytest.mark.parametrize("place", ELSEWHERE)
def test_after_giving_the_password_again_nobody_is_sent_elsewhere(people: People, place: str) -> None:
    answer = sign_in(people.yamamoto).post(
        reverse("account_reauthenticate"), {"password": PASSWORD, "next": place}
    )
    assert answer.status_code == 302
    assert not leads_away(answer["Location"])


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_form_from_elsewhere_does_not_send_back_there_after_the_password(
    browse: Browse, people: People, place: str
) -> None:
    answer = browse(people.yamazaki).post(reverse("account_new"), headers={"referer": place})
    assert answer.status_code == 302
    (back,) = parse_qs(urlsplit(answer["Location"]).query)["next"]
    assert not leads_away(back)


@pytest.mark.parametrize(
    "host", ["evil.example", "testserver.evil.example", "testserver@evil.example", "", "x" * 300]
)
def test_a_host_that_is_not_the_offices_is_refused(client: Client, host: str) -> None:
    answer = client.get(reverse("account_login"), headers={"host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.content.decode()


# ---- what is kept of pages -----------------------------------------------------------------------------------------


def test_no_page_is_kept_by_a_browser_or_on_the_way(people: People) -> None:
    case = open_voice(people.yamamoto)
    client = sign_in(people.yamamoto)
    for place in (
        reverse("today"),
        reverse("queue", args=["customer_voice"]),
        reverse("case", args=[case.id]),
        reverse("account"),
        reverse("account_change_password"),
        reverse("mfa_index"),
        reverse("queue_export", args=["customer_voice", "csv"]),
        "/case/none/",
        "/nothing-here/",
    ):
        assert "no-store" in client.get(place)["Cache-Control"], place
    assert "no-store" in Client().get(reverse("account_login"))["Cache-Control"]


# ---- pages that ask by themselves ----------------------------------------------------------------------------------


def test_a_page_that_asks_by_itself_is_told_that_the_session_ended_and_keeps_what_was_typed(
    client: Client, people: People
) -> None:
    case = open_voice(people.yamamoto)
    for ask in (client.get, client.post):
        answer = ask(reverse("case", args=[case.id]), headers={"hx-request": "true"})
        assert (answer.status_code, answer.content) == (401, b"")


# ---- who holds two roles -------------------------------------------------------------------------------------------


def test_somebody_of_head_office_who_is_an_administrator_too_keeps_accounts(people: People) -> None:
    people.honda.roles = ["head_office", "administrator"]
    people.honda.save()
    assert sign_in(people.honda).get(reverse("accounts")).status_code == 200


# ---- errors --------------------------------------------------------------------------------------------------------


def test_a_fault_of_ours_says_nothing_of_what_it_happened_to(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kenpo.office.views import case as views

    def fails(*args: object) -> None:
        raise RuntimeError("架空 太郎 35-yamamoto select * from office_case")

    monkeypatch.setattr(views, "_context", fails)
    case = open_voice(people.yamamoto)
    client = sign_in(people.yamamoto)
    client.raise_request_exception = False
    answer = client.get(reverse("case", args=[case.id]))
    assert answer.status_code == 500
    text = answer.content.decode()
    assert "処理できませんでした" in text
    for word in ("太郎", "select", "RuntimeError", "Traceback", "office_case", case.id):
        assert word not in text


def test_a_form_without_its_token_is_refused_in_words(people: People) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(reverse("account_login"), {"login": "35-yamamoto", "password": PASSWORD})
    assert answer.status_code == 403
    assert "送れませんでした" in answer.content.decode()
    assert not signed_in(client)


@pytest.mark.parametrize(
    "place",
    ["account/email/", "account/password/reset/key/1-set/", "account/confirm-email/x/", "account/password/set/",
     "account/login/code/confirm/", "admin/", "account/3rdparty/"],
)  # fmt: skip
def test_addresses_of_the_libraries_that_are_not_used_are_not_there(people: People, place: str) -> None:
    for client in (Client(), sign_in(people.yamamoto)):
        assert client.get(f"/{place}").status_code == 404
        assert client.post(f"/{place}", {"email": "mihon@example.com"}).status_code == 404


def test_nobody_has_a_mail_sent_by_asking_for_a_new_password(
    client: Client, mailoutbox: list[object]
) -> None:
    assert client.post(reverse("account_reset_password"), {"email": "mihon@example.com"}).status_code == 405
    assert mailoutbox == []
