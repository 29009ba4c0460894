"""Every part of the office's pages with invented data, written as HTML files into a folder for test_parts and for the eye.

Run as a program: python tests/office/parts_page.py FOLDER. Needs no database.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar

import django
from django import forms
from django.conf import settings

from kenpo.base.document import Chart, Document, Heading, PageBreak, Paragraph, cell, table

HERE = Path(__file__).parent
OFFICE = HERE.parents[1] / "src" / "kenpo" / "office"
TODAY = date(2025, 6, 11)


def configure() -> None:
    """Django with the office's templates and tags alone."""
    settings.configure(
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "django_htmx",
            "django_tables2",
            "allauth",
            "allauth.account",
            "allauth.mfa",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [OFFICE / "templates", HERE / "parts_templates"],
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": ["django.template.context_processors.request"],
                    "libraries": {"office": "kenpo.office.templatetags.office"},
                },
            }
        ],
        MIDDLEWARE=["allauth.account.middleware.AccountMiddleware"],
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        ACCOUNT_LOGIN_METHODS={"username"},
        ACCOUNT_SIGNUP_FIELDS=["username*", "password1*"],
        ACCOUNT_EMAIL_VERIFICATION="none",
        MFA_SUPPORTED_TYPES=["totp", "recovery_codes"],
        ROOT_URLCONF=__name__,
        STATIC_URL="/static/",
        LANGUAGE_CODE="ja",
        TIME_ZONE="Asia/Tokyo",
        USE_TZ=True,
        SECRET_KEY="parts",
        DEBUG=False,
    )
    django.setup()


if __name__ == "__main__":
    configure()

from django.urls import include, path  # noqa: E402
from django.views.generic import RedirectView  # noqa: E402

urlpatterns = [
    path("account/", include("allauth.urls")),
    path("branch/", RedirectView.as_view(url="/"), name="choose_branch"),
]

BRANCH = {
    "branch_name": "東京支部",
    "person": {"name": "東 太郎", "roles": "業務グループ 確認者"},
    "environment": "架空の支部（お試し）です。ここにある人・事業所・金額はすべて架空のものです。",
    "cutoff": "令和7年5月31日",
    "version": "0.1.0",
    "nav": [
        {
            "title": "",
            "items": [
                {"title": "今日", "url": "/", "current": False, "count": None},
                {"title": "案件", "url": "/cases/", "current": True, "count": 1284},
                {"title": "自分の案件", "url": "/cases/mine/", "current": False, "count": 23},
                {"title": "決裁を待つ案件", "url": "/approvals/", "current": False, "count": 6},
            ],
        },
        {
            "title": "対象者を選ぶ",
            "items": [
                {"title": "対象者リスト", "url": "/worklists/", "current": False, "count": None},
                {"title": "開始の記録", "url": "/openings/", "current": False, "count": None},
                {"title": "案内停止の申出", "url": "/opt-outs/", "current": False, "count": None},
            ],
        },
        {
            "title": "通知",
            "items": [
                {"title": "発送", "url": "/letters/", "current": False, "count": 2},
                {"title": "返戻された郵便", "url": "/returned/", "current": False, "count": 0},
            ],
        },
        {
            "title": "計画と数字",
            "items": [
                {"title": "事業計画の進み", "url": "/plan/", "current": False, "count": None},
                {"title": "指標", "url": "/measures/", "current": False, "count": None},
            ],
        },
    ],
}

KINDS = ["傷病手当金", "高額療養費", "出産手当金", "療養費（治療用装具）", "埋葬料（費）"]
STATES = [
    ("受付", "neutral", ""),
    ("審査中", "info", "current"),
    ("返戻", "warn", "returned"),
    ("支給済み", "ok", ""),
]
PEOPLE = ["東 太郎", "見本 花子", "", "本田 次郎"]


def rows() -> list[dict[str, Any]]:
    """Sixty cases."""
    return [
        {
            "id": n,
            "number": f"13-2025-{n:06}",
            "kind": KINDS[n % len(KINDS)],
            "state": STATES[n % len(STATES)],
            "due": date(2025, 6, 5 + n % 20),
            "person": PEOPLE[n % len(PEOPLE)],
            "todo": ["申請書の内容を確かめる", "事業主の証明を照会する", "決定を記録する"][n % 3],
            "amount": 10_000 + 137_531 * n % 1_000_000,
        }
        for n in range(1, 61)
    ]


class Filter(forms.Form):
    """A bar of conditions."""

    q = forms.CharField(label="案件番号・記号番号", required=False)
    kind = forms.ChoiceField(label="種類", choices=[("", "すべて"), *((k, k) for k in KINDS)], required=False)
    state = forms.ChoiceField(
        label="状態", choices=[("", "すべて"), ("a", "受付"), ("b", "審査中")], required=False
    )
    person = forms.ChoiceField(label="担当", choices=[("", "すべて"), ("a", "担当なし")], required=False)
    due = forms.DateField(
        label="期限（まで）", widget=forms.DateInput(attrs={"type": "date"}), required=False
    )
    late = forms.BooleanField(label="遅れているものだけ", required=False)


class Assign(forms.Form):
    """Who is to take the rows chosen."""

    person = forms.ChoiceField(label="担当者", choices=[("a", "東 太郎（23件）"), ("b", "見本 花子（41件）")])


class Reason(forms.Form):
    """Why."""

    reason = forms.CharField(
        label="理由",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="経過に残ります。氏名や住所は書かないでください。",
    )


class Inquiry(forms.Form):
    """One field of each kind."""

    sent_on = forms.DateField(
        label="発送日",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="投函した日。今日より先の日は入れられません。",
    )
    to = forms.ChoiceField(
        label="照会先", choices=[("a", "事業主"), ("b", "医療機関"), ("c", "本人")], widget=forms.RadioSelect
    )
    topics = forms.MultipleChoiceField(
        label="照会の内容",
        choices=[("a", "就労の状況"), ("b", "報酬の支払い"), ("c", "労務不能の期間")],
        widget=forms.CheckboxSelectMultiple,
    )
    amount = forms.IntegerField(
        label="金額（円）", required=False, help_text="分からないときは空けておきます。"
    )
    kind = forms.ChoiceField(
        label="文書の種類", choices=[("", "選んでください"), ("a", "照会文書"), ("b", "催告文書")]
    )
    attachment = forms.FileField(label="写し（PDF、10MBまで）", required=False)
    note = forms.CharField(label="メモ", widget=forms.Textarea, required=False)
    stop = forms.BooleanField(label="返事が来るまで期限の計算を止める", required=False)
    password = forms.CharField(
        label="確認の番号", min_length=6, widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )


def example_document() -> Document:
    """A document with every kind of block."""
    bars = {
        "mark": "bar",
        "data": {
            "values": [{"month": m, "rate": r} for m, r in [("4月", 82.1), ("5月", 82.6), ("6月", 83.3)]]
        },
        "encoding": {
            "x": {"field": "month", "type": "nominal", "title": None},
            "y": {"field": "rate", "type": "quantitative", "title": "％"},
        },
    }
    figures = table(
        ["指標", "目標", "実績", "判定"],
        [
            [
                cell("ジェネリック医薬品使用割合", tone="head"),
                cell("83.0%以上", align="right"),
                cell("83.3%", align="right"),
                cell("◎", tone="good"),
            ],
            [
                cell("健診受診率", tone="head"),
                cell("59.9%以上", align="right"),
                cell("57.2%", align="right"),
                cell("△", tone="warn"),
            ],
            [
                cell("特定保健指導実施率", tone="head"),
                cell("21.0%以上", align="right"),
                cell("－", align="right", tone="muted"),
                cell("×", tone="bad"),
            ],
        ],
        caption="主なKPI",
    )
    return Document(
        "令和7年度上期 事業計画の進捗報告",
        (
            Heading("1. 上期のまとめ"),
            Paragraph("上期は、ジェネリック医薬品の使用促進が目標を上回って進みました。"),
            Paragraph("薬局への情報提供を10か所で行いました。", "・"),
            Paragraph("健診の受診勧奨は9月から始めます。", "・"),
            figures,
            Paragraph("※ 令和7年8月末のデータで計算しています。", small=True),
            Chart(
                "ジェネリック医薬品使用割合の推移", bars, "4月82.1％、5月82.6％、6月83.3％と上がっています。"
            ),
            PageBreak(),
            Heading("2. 下期の取組"),
            Heading("（1）受診勧奨", 2),
            Paragraph("未受診者に勧奨通知を送ります。"),
        ),
        ("全国健康保険協会 東京支部", "令和7年9月30日"),
    )


def pages() -> dict[str, tuple[str, dict[str, Any]]]:
    """File name → (template, context)."""
    import django_tables2 as tables
    from allauth.account.forms import ChangePasswordForm, LoginForm, ReauthenticateForm
    from allauth.mfa.base.forms import AuthenticateForm
    from django.contrib.auth.models import User
    from django.utils.safestring import mark_safe

    class Cases(tables.Table):
        """The list of cases."""

        select = tables.TemplateColumn(
            '<label><input type="checkbox" name="case" value="{{ record.id }}" data-row><span class="hidden-text">{{ record.number }}を選ぶ</span></label>',
            verbose_name=mark_safe(
                '<label><input type="checkbox" data-all-rows><span class="hidden-text">この画面のすべてを選ぶ</span></label>'
            ),
            orderable=False,
            attrs={"th": {"class": "select"}, "td": {"class": "select"}},
        )
        number = tables.TemplateColumn(
            '<a href="/cases/{{ record.id }}/">{{ record.number }}</a>',
            verbose_name="案件番号",
            attrs={"td": {"class": "title id"}},
        )
        kind = tables.Column(verbose_name="種類")
        state = tables.TemplateColumn(
            "{% load office %}{% badge text=record.state.0 kind=record.state.1 icon=record.state.2 %}",
            verbose_name="状態",
        )
        due = tables.TemplateColumn(
            "{% load office %}{% due record.due today %}", verbose_name="期限", extra_context={"today": TODAY}
        )
        person = tables.TemplateColumn('{{ record.person|default:"担当なし" }}', verbose_name="担当")
        amount = tables.TemplateColumn(
            "{% load office %}{{ record.amount|yen }}",
            verbose_name="支給額",
            attrs={"th": {"class": "number"}, "td": {"class": "number"}},
        )
        caption = "案件"
        stacks = True

        class Meta:
            template_name = "office/parts/table2.html"
            row_attrs: ClassVar = {"aria-current": lambda record: "true" if record["id"] == 7 else None}

    listed = Cases(rows(), order_by="due")
    listed.paginate(page=2, per_page=20)
    steps = [
        {
            "title": "審査者",
            "person": "東 太郎",
            "at": datetime(2025, 6, 2, 1, 5, tzinfo=UTC),
            "state": "done",
        },
        {"title": "確認者", "person": "", "state": "current", "note": "確認者が6人います"},
        {"title": "決裁者", "person": "", "state": "waiting"},
    ]
    events = [
        {
            "title": "確認者へ回した",
            "person": "東 太郎",
            "at": datetime(2025, 6, 2, 1, 5, tzinfo=UTC),
            "kind": "ok",
            "icon": "ok",
        },
        {
            "title": "内容を直した",
            "person": "東 太郎",
            "at": datetime(2025, 6, 2, 0, 50, tzinfo=UTC),
            "icon": "edit",
            "text": "事業主からの電話で確かめた。",
            "changes": [
                ("支給期間（から）", "令和7年4月1日", "令和7年4月6日"),
                ("メモ", "", "重なる日を除いた"),
            ],
        },
        {
            "title": "医療機関へ照会文書を送った",
            "person": "見本 花子",
            "at": datetime(2025, 5, 30, 5, 0, tzinfo=UTC),
            "icon": "letter",
        },
        {"title": "受け付けた", "person": "", "at": datetime(2025, 5, 30, 0, 0, tzinfo=UTC), "icon": "inbox"},
    ]
    facts = [
        ("申請の種類", "傷病手当金（1回目）"),
        ("労務不能の期間", "令和7年4月1日〜4月30日", "30日。待期 4月1日〜4月3日"),
        ("標準報酬月額", "300,000円"),
        ("事業主の証明", "あり"),
        ("療養担当者の意見", "あり（令和7年5月7日）"),
        ("口座", None),
    ]
    effects = [
        "案件は決裁者の一覧に移ります。",
        "支給額 166,675円 が確認済みとして残ります。",
        "取り消すには、決裁者が差し戻します。",
    ]
    bound = Inquiry({"password": "12", "note": "電話でも確かめた", "kind": "", "topics": ["z"]})
    office = {"office": BRANCH, "today": TODAY}
    jobs = [
        {
            "id": "job1",
            "title": "通知書の作成",
            "state": "処理中",
            "icon": "running",
            "done": 132,
            "total": 412,
            "url": "/jobs/1",
        },
        {
            "id": "job2",
            "title": "レセプトの取込",
            "state": "順番待ち",
            "icon": "waiting",
            "kind": "neutral",
            "url": "/jobs/2",
        },
        {
            "id": "job3",
            "title": "発送用データ",
            "state": "終わりました",
            "kind": "ok",
            "done": 412,
            "total": 412,
            "finished": True,
            "result_url": "/letters/1",
            "result": "発送の一覧を見る",
        },
        {
            "id": "job4",
            "title": "指標の計算",
            "state": "止まりました",
            "kind": "late",
            "text": "4月診療分のマスターがありません。",
            "finished": True,
        },
    ]
    tiles = [
        {
            "title": "遅れ",
            "count": 4,
            "kind": "late",
            "url": "/cases/?late=1",
            "note": "いちばん古いもの 5営業日",
        },
        {"title": "今日が期限", "count": 7, "kind": "warn", "url": "/cases/?due=today", "icon": "clock"},
        {"title": "担当なし", "count": 12, "kind": "info", "url": "/cases/?person=none", "icon": "people"},
        {"title": "自分の案件", "count": 23, "url": "/cases/mine/", "icon": "list"},
        {
            "title": "返事待ち",
            "count": 9,
            "url": "/cases/?state=asked",
            "icon": "letter",
            "note": "期限は止まっています",
        },
    ]
    people = [
        {"name": "東 太郎", "value": 23, "high": 40, "max": 60, "url": "/cases/?person=a"},
        {"name": "見本 花子", "value": 47, "high": 40, "max": 60, "late": 3, "url": "/cases/?person=b"},
        {"name": "本田 次郎", "value": 31, "high": 40, "max": 60, "url": "/cases/?person=c"},
        {"name": "担当なし", "value": 12, "max": 60, "url": "/cases/?person=none"},
    ]
    crumbs = [{"title": "今日", "url": "/"}, {"title": "案件", "url": "/cases/"}, {"title": "35-2025-000123"}]
    user = User(username="azuma")
    return {
        "today": ("today.html", office | {"tiles": tiles, "rows": rows(), "people": people}),
        "cases": (
            "cases.html",
            office
            | {
                "table": listed,
                "filter": Filter({"kind": "高額療養費"}),
                "assign": Assign(auto_id="assign_%s"),
                "conditions": ["種類 高額療養費", "遅れているものだけ"],
            },
        ),
        "case": (
            "case.html",
            office
            | {
                "steps": steps,
                "events": events,
                "facts": facts,
                "effects": effects,
                "reason": Reason(auto_id="approve_%s"),
                "give_back": Reason(auto_id="give_back_%s"),
                "member": [
                    ("加入者", "M-7f3a91"),
                    ("生まれた年", "昭和55年"),
                    ("区分", "被保険者"),
                    ("事業所", "見本商事"),
                ],
                "due": date(2025, 6, 13),
                "breadcrumb": crumbs,
            },
        ),
        "desk": (
            "desk.html",
            office
            | {
                "rows": rows(),
                "filter": Filter(),
                "facts": facts,
                "events": events,
                "due": date(2025, 6, 13),
            },
        ),
        "form": ("form.html", office | {"form": bound, "breadcrumb": crumbs}),
        "parts": (
            "parts.html",
            office
            | {
                "jobs": jobs,
                "steps": [
                    *steps[:1],
                    {
                        "title": "確認者",
                        "person": "見本 花子",
                        "state": "returned",
                        "note": "期間の重なりを確かめてください",
                    },
                    *steps[2:],
                ],
                "effects": effects,
                "reason": Reason(),
                "days": [date(2025, 6, 9), date(2025, 6, 11), date(2025, 6, 13), date(2025, 7, 1), None],
            },
        ),
        "document": ("document.html", office | {"document": example_document(), "breadcrumb": crumbs}),
        "login": (
            "account/login.html",
            {
                "form": LoginForm({"login": "", "password": ""}),
                "office": {"environment": BRANCH["environment"], "version": "0.1.0"},
            },
        ),
        "password_change": ("account/password_change.html", office | {"form": ChangePasswordForm(user=user)}),
        "logout": ("account/logout.html", office),
        "signup_closed": ("account/signup_closed.html", {}),
        "locked_out": ("account/locked_out.html", {}),
        "mfa_index": (
            "mfa/index.html",
            office | {"authenticators": {"totp": True}, "is_mfa_enabled": True},
        ),
        "mfa_activate": (
            "mfa/totp/activate_form.html",
            {"form": AuthenticateForm(user=user), "totp_svg": qr_code("otpauth://totp/azuma?secret=PARTS")},
        ),
        "mfa_codes": (
            "mfa/recovery_codes/index.html",
            office
            | {
                "unused_codes": [f"{n:04}-{n * 7 % 10000:04}" for n in range(1111, 9999, 900)],
                "total_count": 10,
                "can_view_codes": True,
                "can_download_codes": True,
                "can_generate_codes": True,
            },
        ),
        "404": ("404.html", office),
        "500": ("500.html", {}),
        "head_office": (
            "today.html",
            {
                "office": BRANCH
                | {
                    "branch": "13",
                    "branches": [{"code": "13", "name": "東京支部"}, {"code": "35", "name": "山口支部"}],
                },
                "tiles": tiles[:3],
            },
        ),
        "reauthenticate": ("account/reauthenticate.html", office | {"form": ReauthenticateForm(user=user)}),
        "mfa_authenticate": ("mfa/authenticate.html", {"form": AuthenticateForm(user=user)}),
    }


def qr_code(text: str) -> str:
    """A QR code as allauth draws it."""
    import io

    import qrcode
    from qrcode.image.svg import SvgPathImage

    drawn = io.BytesIO()
    qrcode.make(text, image_factory=SvgPathImage).save(drawn)
    return drawn.getvalue().decode()


def main(folder: Path) -> None:
    """Write every page and the chart of the document into the folder."""
    from django.template.loader import render_to_string
    from django.test import RequestFactory

    from kenpo.press.drawing import svg

    for name, (template, context) in pages().items():
        request = RequestFactory().get("/cases/", {"kind": "高額療養費", "page": "2"})
        (folder / f"{name}.html").write_text(render_to_string(template, context, request), encoding="utf-8")
    charts = folder / "charts"
    charts.mkdir(exist_ok=True)
    drawn = [b for b in example_document().blocks if isinstance(b, Chart)]
    for n, chart in enumerate(drawn, 1):
        (charts / f"{n}.svg").write_text(svg(chart), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
