"""`kenpo effect`: what there is, the newest month, and what it says when it cannot be done."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from tests.effects import lake_of_effects

from kenpo.cli import output
from kenpo.cli.main import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kenpo(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.setenv("KENPO_LAKE", str(lake_of_effects(tmp_path_factory)))
    for screen in (output.console, output.errors):
        monkeypatch.setattr(screen, "_width", 300)

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kenpo", "effect", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return command


def test_without_a_kind_it_lists_those_that_have_an_effect(kenpo: Run):
    code, out, _ = kenpo()
    assert code == 0 and "generic_notice" in out and "customer_voice" not in out


def test_the_newest_month_is_shown_when_none_is_named(kenpo: Run):
    code, out, _ = kenpo("generic_notice", "--branch", "山口")
    assert code == 0
    for part in ("令和6年8月に送った通知", "75.0%", "+50.0ポイント", "6,840円", "・対照群は"):
        assert part in out, part
    assert out == kenpo("generic_notice", "--branch", "35", "--month", "令和6年8月")[1]


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (("no_such_kind", "--branch", "35"), 2, "案件の種類はありません"),
        (("customer_voice", "--branch", "35"), 2, "generic_notice"),
        (("generic_notice",), 2, "--branch 35"),
        (("generic_notice", "--branch", "00"), 6, "支部を指定"),
        (("generic_notice", "--branch", "01"), 2, "kenpo refresh"),
        (("generic_notice", "--branch", "35", "--month", "2025-02"), 6, "いま出せる月：2024-08"),
        (("generic_notice", "--branch", "35", "--lake", "/nowhere"), 4, "/nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(
    kenpo: Run, words: tuple[str, ...], code: int, what: str
):
    ended, out, err = kenpo(*words)
    assert (ended, out) == (code, "")
    assert what in err and "対処" in err
