"""Django readied for tests of the office, once in a test process: an office of its own in a temporary folder.

Import it before anything of kenpo.office with models. The environment of the process is left as it was; ENVIRON is what
processes of this office need.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import kenpo.office

HOME = Path(tempfile.mkdtemp(prefix="kenpo-office-"))
HOME.chmod(0o755)
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

_BEFORE = dict(os.environ)
for _name in [n for n in os.environ if n.startswith("KENPO_DATABASE")]:
    del os.environ[_name]
os.environ.pop("DATABASE_URL", None)
os.environ.pop("KENPO_APP_DATABASE_URL", None)
os.environ.update(
    {
        "KENPO_OFFICE": str(HOME / "office"),
        "KENPO_LAKE": str(HOME / "lake"),
        "KENPO_PLANS": str(HOME / "plans"),
        "KENPO_VAULT_KEYS": str(HOME / "vault.keys"),
        "KENPO_KEY_FILE": str(HOME / "member.key"),
        "KENPO_MFA": "0",
        "KENPO_HOSTS": "localhost,127.0.0.1,testserver",
        "KENPO_ENVIRONMENT": "試験",
    }
)
kenpo.office.setup()
ENVIRON = dict(os.environ)
os.environ.clear()
os.environ.update(_BEFORE)
