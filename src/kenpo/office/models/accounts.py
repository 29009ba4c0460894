"""Accounts (利用者): who signs in, of which branch, with which roles."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models

from kenpo.base.branches import branch_or_nation
from kenpo.frame.casekind import Role
from kenpo.frame.cases import Actor


class Accounts(BaseUserManager["Account"]):
    """Accounts, made with their password hashed."""

    def make(
        self, staff_id: str, name: str, branch: str, roles: list[Role], password: str, **more: Any
    ) -> Account:
        """A new account. Raises ValueError when the roles do not go with the branch."""
        account = self.model(staff_id=staff_id.lower(), name=name, branch=branch, roles=sorted(roles), **more)
        account.actor  # noqa: B018  checks branch and roles
        account.set_password(password)
        account.save(using=self._db)
        return account

    def get_by_natural_key(self, username: str | None) -> Account:
        """The account of a 職員番号, whatever its case."""
        return self.get(staff_id=(username or "").lower())


class Account(AbstractBaseUser):
    """Someone who signs in (利用者). staff_id: 職員番号, which stands in histories; name: shown to colleagues."""

    staff_id = models.CharField(
        "職員番号",
        max_length=40,
        unique=True,
        validators=[
            RegexValidator(
                r"^[a-z0-9][a-z0-9._-]*$", "半角の英小文字・数字・「-」「.」「_」で入れてください。"
            )
        ],
    )
    name = models.CharField("氏名", max_length=60)
    branch = models.CharField("支部", max_length=2, db_index=True)
    roles = ArrayField(models.CharField(max_length=40), verbose_name="役割", default=list)
    is_active = models.BooleanField("使用中", default=True)
    must_change_password = models.BooleanField("次回にパスワードを変更", default=False)
    created_at = models.DateTimeField("登録日時", auto_now_add=True)

    objects: ClassVar[Accounts] = Accounts()  # type: ignore[assignment]

    USERNAME_FIELD = "staff_id"
    REQUIRED_FIELDS = ["name", "branch"]  # noqa: RUF012
    EMAIL_FIELD = ""

    class Meta:
        db_table = "office_account"
        ordering = ("branch", "staff_id")

    def __str__(self) -> str:
        return self.staff_id

    @property
    def actor(self) -> Actor:
        """The account as one who acts on cases. Raises ValueError when its roles do not go with its branch."""
        return Actor(self.staff_id, self.branch, frozenset(Role(r) for r in self.roles))

    @property
    def branch_name(self) -> str:
        """The branch's name, 本部 for 00."""
        return "本部" if self.branch == "00" else branch_or_nation(self.branch).name

    @property
    def role_labels(self) -> str:
        """The roles in Japanese."""
        return "、".join(Role(r).label for r in Role if r in self.roles)

    def has(self, *roles: Role) -> bool:
        """Whether the account holds one of some roles."""
        return any(r in self.roles for r in roles)

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """No permissions of Django's own are used."""
        return False

    def has_module_perms(self, app_label: str) -> bool:
        """No permissions of Django's own are used."""
        return False
