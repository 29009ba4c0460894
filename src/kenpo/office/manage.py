"""Django's own commands, for developers: `python -m kenpo.office.manage makemigrations`."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("KENPO_DATABASE_ROLE", "owner")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kenpo.office.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
