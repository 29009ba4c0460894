"""Jobs that failed are seen by who can do something about them: a branch's by its staff, the night's by 管理者 and 本部."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from tests.offices import People

from kenpo.office.models import Account

Browse = Callable[[Account], Client]

NIGHT, BRANCH = "記録の検査（夜間）", "一括操作"


@pytest.fixture
def failed(people: People) -> dict[str, int]:
    """A job of the night and one of 山口支部 that failed, by their titles."""
    made = {}
    with connection.cursor() as cursor:
        for title, task, args in (
            (NIGHT, "kenpo.verify", '{"timestamp": 1767200000}'),
            (BRANCH, "kenpo.bulk", '{"id": 0, "branch": "35", "by": "35-yamamoto"}'),
        ):
            cursor.execute(
                "insert into procrastinate_jobs (queue_name, task_name, args, status, attempts)"
                " values ('default', %s, %s, 'failed', 1) returning id",
                [task, args],
            )
            (made[title],) = cursor.fetchone() or (0,)
    return made


def _page(client: Client) -> str:
    answer = client.get("/jobs/")
    assert answer.status_code == 200
    return answer.content.decode()


def _state(job: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("select status::text from procrastinate_jobs where id = %s", [job])
        ((state,),) = cursor.fetchall()
    return state


def test_an_administrator_sees_what_failed_by_night_and_has_it_tried_again(
    people: People, browse: Browse, failed: dict[str, int]
) -> None:
    client = browse(people.yamazaki)
    said = _page(client)
    assert NIGHT in said and BRANCH not in said
    client.post(f"/jobs/{failed[NIGHT]}/retry/")
    assert _state(failed[NIGHT]) == "todo"
    assert NIGHT not in _page(client)


def test_an_administrator_has_no_job_of_a_branch_tried_again(
    people: People, browse: Browse, failed: dict[str, int]
) -> None:
    browse(people.yamazaki).post(f"/jobs/{failed[BRANCH]}/retry/")
    assert _state(failed[BRANCH]) == "failed"


def test_head_office_sees_what_failed_by_night_and_changes_nothing(
    people: People, browse: Browse, failed: dict[str, int]
) -> None:
    client = browse(people.honda)
    said = _page(client)
    assert NIGHT in said and BRANCH not in said and "もう一度実行する<" not in said
    assert client.post(f"/jobs/{failed[NIGHT]}/retry/").status_code == 403
    client.post("/branch/", {"branch": "35"})
    said = _page(client)
    assert NIGHT in said and BRANCH in said
    assert [_state(job) for job in failed.values()] == ["failed", "failed"]


def test_staff_of_the_branch_see_their_own_and_nothing_of_the_night(
    people: People, browse: Browse, failed: dict[str, int]
) -> None:
    for who in (people.yamamoto, people.yamaguchi):
        client = browse(who)
        said = _page(client)
        assert BRANCH in said and NIGHT not in said
        client.post(f"/jobs/{failed[NIGHT]}/retry/")
        assert _state(failed[NIGHT]) == "failed"


def test_azuma_of_tokyo_sees_neither(people: People, browse: Browse, failed: dict[str, int]) -> None:
    client = browse(people.azuma)
    said = _page(client)
    assert BRANCH not in said and NIGHT not in said
    for job in failed.values():
        client.post(f"/jobs/{job}/retry/")
        assert _state(job) == "failed"


def test_who_has_not_signed_in_goes_to_the_entrance(
    client: Client, people: People, failed: dict[str, int]
) -> None:
    assert client.get("/jobs/").status_code == 302
    assert client.post(f"/jobs/{failed[NIGHT]}/retry/").status_code == 302
    assert _state(failed[NIGHT]) == "failed"


def test_the_page_stands_in_the_menu_of_who_may_open_it(
    people: People, browse: Browse, failed: dict[str, int]
) -> None:
    for who in (people.yamazaki, people.honda, people.yamamoto):
        assert 'href="/jobs/"' in _page(browse(who))
