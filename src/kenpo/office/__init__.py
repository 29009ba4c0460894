"""The office (案件システム): staff at work — cases, letters, people — as a web system on Django and PostgreSQL.

Nothing here is imported by the rooms below. `kenpo.office.setup` readies Django; until then only modules without models
(`config`, `database`, `keyring`) may be imported.
"""

from __future__ import annotations

import os


def setup(*, owner: bool = False) -> None:
    """Ready Django in this process, as the application's role or as the owner of the tables (migrations, backup).

    Raises OfficeError when the settings are wrong or the database cannot be reached or started.
    """
    if owner:
        os.environ["KENPO_DATABASE_ROLE"] = "owner"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kenpo.office.settings")
    import django

    django.setup()
