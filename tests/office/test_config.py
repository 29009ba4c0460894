"""The settings of the environment: right ones are taken, wrong ones are named before anything starts."""

import re
from pathlib import Path

import pytest

from kenpo.office import config, database
from kenpo.office.config import Config, read
from kenpo.office.errors import OfficeError

DEPLOYMENT = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text(encoding="utf-8")


def test_nothing_said_is_an_office_for_this_machine_alone() -> None:
    made = read({"HOME": "/home/kenpo"})
    assert (made.home, made.lake, made.plans) == (
        Path("office").absolute(),
        Path("lake").absolute(),
        Path("plans").absolute(),
    )
    assert made.database_url is None
    assert made.hosts == ("localhost", "127.0.0.1", "[::1]")
    assert (made.https, made.mfa, made.proxy, made.environment) == (False, True, False, "")


def test_everything_can_be_said() -> None:
    made = read(
        {
            "KENPO_OFFICE": "/srv/kenpo/office",
            "KENPO_LAKE": "/srv/kenpo/lake",
            "KENPO_PLANS": "/srv/kenpo/plans",
            "KENPO_VAULT_KEYS": "/etc/kenpo/vault.keys",
            "DATABASE_URL": "postgresql://kenpo_owner@db/kenpo",
            "KENPO_APP_DATABASE_URL": "postgres://kenpo_app@db/kenpo",
            "KENPO_HOSTS": "kenpo.example, localhost,",
            "KENPO_HTTPS": "1",
            "KENPO_MFA": "0",
            "KENPO_PROXY": "1",
            "KENPO_ENVIRONMENT": "架空の支部",
        }
    )
    assert made == Config(
        Path("/srv/kenpo/office"),
        Path("/srv/kenpo/lake"),
        Path("/srv/kenpo/plans"),
        Path("/etc/kenpo/vault.keys"),
        "postgresql://kenpo_owner@db/kenpo",
        "postgres://kenpo_app@db/kenpo",
        ("kenpo.example", "localhost"),
        https=True,
        mfa=False,
        environment="架空の支部",
        proxy=True,
    )
    assert made.anchors == Path("/srv/kenpo/office/anchors.jsonl")


@pytest.mark.parametrize("name", ["KENPO_HTTPS", "KENPO_MFA", "KENPO_PROXY"])
@pytest.mark.parametrize("value", ["yes", "はい", "2", "true"])
def test_what_is_neither_yes_nor_no_is_named(name: str, value: str) -> None:
    with pytest.raises(OfficeError, match=f"環境変数 {name} の値「{value}」が正しくありません"):
        read({name: value})


@pytest.mark.parametrize("name", ["DATABASE_URL", "KENPO_APP_DATABASE_URL"])
@pytest.mark.parametrize("value", ["mysql://x", "kenpo", "/var/lib"])
def test_an_address_of_something_else_than_postgresql_is_named(name: str, value: str) -> None:
    with pytest.raises(OfficeError, match=f"環境変数 {name} は PostgreSQL の接続先"):
        read({name: value})


class TestTheSecret:
    @pytest.fixture
    def made(self, tmp_path: Path) -> Config:
        return read({"KENPO_OFFICE": str(tmp_path / "office")})

    def test_is_made_once_for_its_owner_alone(self, made: Config) -> None:
        first = config.secret(made)
        assert len(first) >= 50
        assert config.secret(made) == first
        assert (made.home / "secret.key").stat().st_mode & 0o777 == 0o600
        assert sorted(p.name for p in made.home.iterdir()) == ["secret.key"]

    def test_can_be_given(self, made: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KENPO_SECRET_KEY", "x" * 50)
        assert config.secret(made) == "x" * 50
        assert not made.home.exists()

    def test_is_not_short(self, made: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KENPO_SECRET_KEY", "himitsu")
        with pytest.raises(OfficeError, match="KENPO_SECRET_KEY が短すぎます") as refused:
            config.secret(made)
        assert "himitsu" not in refused.value.message


class TestAddresses:
    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ("postgresql://a:himitsu@db/kenpo", "postgresql://a:***@db/kenpo"),
            ("postgresql://a@db/kenpo", "postgresql://a@db/kenpo"),
            ("postgresql://a:@/kenpo?host=/tmp", "postgresql://a:***@/kenpo?host=/tmp"),
        ],
    )
    def test_are_told_without_their_password(self, given: str, told: str) -> None:
        assert database.hidden(given) == told

    @pytest.mark.parametrize(
        ("given", "parts"),
        [
            (
                "postgresql://a:hi%40mitsu@db:5433/kenpo?sslmode=require",
                ("postgresql://a@db:5433/kenpo?sslmode=require", "hi@mitsu"),
            ),
            ("postgresql://a@/kenpo?host=/tmp", ("postgresql://a@/kenpo?host=/tmp", "")),
        ],
    )
    def test_come_apart_from_their_password(self, given: str, parts: tuple[str, str]) -> None:
        assert database.without_password(given) == parts

    def test_are_read_for_django(self) -> None:
        made = database.django_database(
            "postgresql://kenpo_app:hi%40mitsu@db:5433/kenpo?sslmode=verify-full&options=-c%20role%3Dkenpo_app"
        )
        assert (made["HOST"], made["PORT"], made["NAME"], made["USER"], made["PASSWORD"]) == (
            "db",
            "5433",
            "kenpo",
            "kenpo_app",
            "hi@mitsu",
        )
        assert made["OPTIONS"]["sslmode"] == "verify-full"
        assert made["OPTIONS"]["options"] == "-c role=kenpo_app"
        assert database.django_database("postgresql://a@/kenpo?host=/run/pg")["HOST"] == "/run/pg"

    def test_of_who_started_this_process_are_taken_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KENPO_DATABASE_APP", "postgresql://kenpo_app@/x")
        monkeypatch.delenv("KENPO_DATABASE_OWNER", raising=False)
        assert database.urls(read({})) == database.Urls("", "postgresql://kenpo_app@/x")


def test_every_variable_stands_in_the_page_on_deployment() -> None:
    source = Path(config.__file__).read_text(encoding="utf-8")
    names = set(re.findall(r'"((?:KENPO_|DATABASE_)[A-Z_]+)"', source))
    assert len(names) >= 12
    assert {n for n in names if f"| `{n}` |" not in DEPLOYMENT} == set()


def test_every_variable_of_the_page_is_one() -> None:
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", DEPLOYMENT, re.MULTILINE))
    sources = " ".join(
        p.read_text(encoding="utf-8") for p in (Path(config.__file__).parents[1]).rglob("*.py")
    )
    assert {n for n in named if n not in sources} == set()
