"""The client of docs/api.md, as a reader would run it, against an office that is served."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.office.test_serving import served
from tests.offices import FreshOffice

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
MAKE = """
from datetime import timedelta
from django.utils import timezone
from kenpo.frame.casekind import Role
from kenpo.office import tokens
from kenpo.office.acting import acting
from kenpo.office.models import Account
account = Account.objects.make("35-yamamoto", "山口支部の山本", "35", [Role.PLANNING_CLERK], "mihon-no-aikotoba-1")
with acting(account.actor):
    print(tokens.make(account, "試験", list(tokens.Scope), timezone.localdate() + timedelta(days=1)))
"""


def test_the_client_of_the_docs_lists_measures_and_opens_a_case(fresh_office: FreshOffice, tmp_path: Path):
    (code,) = re.findall(r"<!-- client -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    key = fresh_office.python(MAKE).strip().splitlines()[-1]
    with served(fresh_office.environ, tmp_path) as office:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "KENPO_URL": f"http://127.0.0.1:{office.port}", "KENPO_API_KEY": key},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert "generic_volume_share" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("35-yamamoto")
