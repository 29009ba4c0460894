"""Nothing of another branch is seen or written, also where a query forgets to ask for the branch."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import ProgrammingError, connection, transaction
from tests.offices import People

from kenpo.office import audit
from kenpo.office.acting import acting
from kenpo.office.guards import APPEND_ONLY, tables
from kenpo.office.models import AuditRow, OptOut


def _opt_out(branch: str) -> OptOut:
    return OptOut(
        branch=branch,
        subject_kind="member",
        subject="a" * 32,
        since="2026-04-01",
        source="電話",
        by="35-yamamoto",
    )


def test_every_table_with_a_branch_has_row_level_security(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select relname from pg_class where relrowsecurity")
        secured = {name for (name,) in cursor.fetchall()}
    assert set(tables()) <= secured


def test_without_acting_nothing_is_seen_and_nothing_can_be_written(people: People) -> None:
    with acting(people.yamamoto.actor):
        _opt_out("35").save()
    with connection.cursor() as cursor:
        cursor.execute("select set_config('kenpo.branch', '', false), set_config('kenpo.writes', '', false)")
    assert not OptOut.objects.exists()
    with pytest.raises(ProgrammingError), transaction.atomic():
        _opt_out("35").save()


def test_azuma_of_tokyo_sees_nothing_of_yamaguchi_without_any_filter(people: People) -> None:
    with acting(people.yamamoto.actor):
        _opt_out("35").save()
        assert OptOut.objects.count() == 1
    with acting(people.azuma.actor):
        assert not OptOut.objects.exists()


def test_yamamoto_cannot_write_into_tokyo(people: People) -> None:
    with pytest.raises(ProgrammingError), acting(people.yamamoto.actor):
        _opt_out("13").save()


def test_head_office_reads_a_branch_and_cannot_write_into_it(people: People) -> None:
    with acting(people.yamamoto.actor):
        _opt_out("35").save()
    with acting(people.honda.actor, "35"):
        assert OptOut.objects.count() == 1
        with pytest.raises(ProgrammingError), transaction.atomic():
            _opt_out("35").save()
        assert OptOut.objects.update(source="書換え") == 0


def test_nobody_but_head_office_acts_in_another_branch(people: People) -> None:
    with pytest.raises(PermissionDenied), acting(people.yamamoto.actor, "13"):
        pass


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["update {} set branch = branch", "delete from {}", "truncate {}"])
def test_histories_are_append_only(people: People, table: str, change: str) -> None:
    with acting(people.yamamoto.actor):
        audit.record(audit.What.EXPORTED)
    with pytest.raises(ProgrammingError), acting(people.yamamoto.actor), connection.cursor() as cursor:
        cursor.execute(change.format(table))


def test_the_audit_log_stays_with_the_branch_of_the_person(people: People) -> None:
    with acting(people.honda.actor, "35"):
        audit.record(audit.What.CASE_OPENED, case="c" * 32)
    with acting(people.yamaguchi.actor):
        assert not AuditRow.objects.exists()
    with acting(people.honda.actor):
        assert AuditRow.objects.get().about_branch == "35"
