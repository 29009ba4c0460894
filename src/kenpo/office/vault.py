"""The vault (個人情報の保管庫): who a subject is, sealed; opened for one purpose at a time, found by keyed hashes.

Nothing here is in plain text in the database, in a log or in an error. Identities come from membership files
(kenpo.intake.membership.identities) and are kept per branch; of each field the newest counts, so that files may be read in
any order and again. Institutions are public and stay in the lake.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from kenpo.base.branches import BRANCH_CODES
from kenpo.base.errors import ArgumentError
from kenpo.base.text import normalise_symbol
from kenpo.frame.casekind import Subject
from kenpo.frame.institutions import institution_recipients
from kenpo.frame.letter import Recipient
from kenpo.intake.membership.identities import IdentityBlock, IdentityReport
from kenpo.lake import Lake
from kenpo.office import audit
from kenpo.office.acting import on_duty, system
from kenpo.office.keyring import (
    Identity,
    Keyring,
    VaultError,
    birth_text,
    card_text,
    normalised,
    search_texts,
)
from kenpo.office.models import Attachment, SealedBlob, VaultIdentity, VaultIndex

_AT_ONCE = 5000
_LONGEST = 200
"""Characters of name and address that fit the window (kenpo.press.letters)."""


def keyring() -> Keyring:
    """The keys of the vault; the file is made on first use. Raises VaultError, also when it is lost and something is sealed."""
    config = settings.CONFIG
    return _loaded(config.vault_keys, (config.lake, config.home))


@cache
def _loaded(path: Path, outside: tuple[Path, ...]) -> Keyring:
    empty = path.exists() or not (VaultIdentity.objects.exists() or SealedBlob.objects.exists())
    return Keyring.load(path, outside=outside, create=empty)


def _context(branch: str, subject_kind: str, subject: str) -> tuple[str, ...]:
    return (branch, subject_kind, subject, "identity")


# ---- what is known of a subject ----------------------------------------------------------------------------------

_WHO = ("name", "kana", "birth_date", "sex", "postcode", "address", "person_number", "phone")


_SOUGHT = ("name", "kana", "birth_date", "postcode", "person_number", "phone")


@dataclass
class _Known:
    """What files have said of a subject. who: field → (value, stamp); cards: 取得日 → (記号, 番号, 枝番, stamp, cancelled).

    stamp: the day of the file, then whether it is a change (異動), so that the greater one counts.
    """

    who: dict[str, tuple[str, str]] = field(default_factory=dict)
    cards: dict[str, tuple[str | None, str | None, str | None, str, bool]] = field(default_factory=dict)

    def plain(self) -> bytes:
        """As it is sealed."""
        return json.dumps([self.who, self.cards], ensure_ascii=False, separators=(",", ":")).encode()

    @staticmethod
    def read(plain: bytes) -> _Known:
        """From what was sealed."""
        who, cards = json.loads(plain)
        return _Known({k: tuple(v) for k, v in who.items()}, {k: tuple(v) for k, v in cards.items()})

    def take(self, row: Mapping[str, Any]) -> None:
        """Take in what one row says: newer than what is known, field by field; nothing said leaves things as they are."""
        stamp = f"{row['as_of'] or ''}{'' if row['full'] else '+'}"
        cancelled = row["change"] == "cancel"
        if row["acquired_on"] is not None:
            self._card(str(row["acquired_on"]), row, stamp, cancelled)
        if cancelled:
            return
        for name in _WHO:
            said = row.get(name)
            if said not in (None, "") and stamp >= self.who.get(name, ("", ""))[1]:
                self.who[name] = (str(said), stamp)

    def _card(self, acquired: str, row: Mapping[str, Any], stamp: str, cancelled: bool) -> None:
        before = self.cards.get(acquired, (None, None, None, "", False))
        if stamp >= before[3]:
            symbol, number, branch_no = (
                row[name] or old
                for name, old in zip(("symbol", "number", "branch_no"), before[:3], strict=True)
            )
            self.cards[acquired] = (symbol, number, branch_no, stamp, cancelled)

    @property
    def as_of(self) -> date | None:
        """The day of the newest file that said something."""
        stamps = [s for _, s in self.who.values()] + [c[3] for c in self.cards.values()]
        newest = max(stamps, default="")[:10]
        return date.fromisoformat(newest) if newest else None

    def identities(self) -> Iterator[Identity]:
        """Who it is, with the card that counts now; then the same with each card before."""
        who: dict[str, Any] = {name: value for name, (value, _) in self.who.items()}
        if "birth_date" in who:
            who["birth_date"] = date.fromisoformat(who["birth_date"])
        cards = [c for _, c in sorted(self.cards.items(), reverse=True) if not c[4]]
        for symbol, number, branch_no, *_ in cards or [(None, None, None)]:
            yield Identity(**who, symbol=symbol, number=number, branch_no=branch_no)

    @property
    def sought(self) -> tuple[Any, ...]:
        """What the texts it is found by are made of."""
        who = tuple(self.who.get(name, ("",))[0] for name in _SOUGHT)
        return (who, {card[:2] for card in self.cards.values() if not card[4]})

    def texts(self, subject_kind: str) -> frozenset[tuple[str, str]]:
        """Everything it is found by, the cards before too."""
        return frozenset(pair for one in self.identities() for pair in search_texts(one, subject_kind))


# ---- filling -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filled:
    """What came of filling: rows read, identities that were new, changed, or left as they were, and of each file its report."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    reports: tuple[IdentityReport, ...] = ()

    def __add__(self, other: Filled) -> Filled:
        return Filled(
            self.rows + other.rows,
            self.new + other.new,
            self.changed + other.changed,
            self.same + other.same,
            self.reports + other.reports,
        )


def fill(blocks: Iterable[IdentityBlock]) -> Filled:
    """Put identities into the vault, merged with what is sealed: field by field the newest file counts.

    Each block is kept altogether or not at all; the same blocks again change nothing. Runs as the owner of the tables or
    as the application, for the branches the rows name. Raises VaultError.
    """
    done = Filled()
    for block in blocks:
        if block.frame.height:
            with transaction.atomic():
                for (branch,), rows in block.frame.group_by("branch", maintain_order=True):
                    with system(str(branch)):
                        done += _fill_branch(str(branch), rows)
        if block.report:
            done += Filled(reports=(block.report,))
    return done


def _fill_branch(branch: str, frame: Any) -> Filled:
    _alone(branch)
    made = Filled(rows=frame.height)
    for start in range(0, frame.height, _AT_ONCE):
        made += _merge(branch, frame.slice(start, _AT_ONCE).to_dicts())
    if made.new or made.changed:
        audit.record(
            audit.What.VAULT_FILLED, detail=f"登録 {made.new:,}件、変更 {made.changed:,}件（{made.rows:,}行）"
        )
    return made


def _alone(branch: str) -> None:
    """Until the transaction ends, nobody else changes the vault of the branch."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", (f"vault {branch}",))


Key = tuple[str, str]
"""subject_kind, subject."""


def _merge(branch: str, rows: Sequence[Mapping[str, Any]]) -> Filled:
    keys = {(row["subject_kind"], row["subject"]) for row in rows}
    before = _known(branch, keys)
    now: dict[Key, _Known] = {}
    for row in rows:
        key = (row["subject_kind"], row["subject"])
        if key not in now:
            known = before.get(key, _Known())
            now[key] = _Known(dict(known.who), dict(known.cards))
        now[key].take(row)
    changed = {key: known for key, known in now.items() if known != before.get(key) and known != _Known()}
    _keep(branch, changed)
    elsewhere = {k: v for k, v in changed.items() if k not in before or v.sought != before[k].sought}
    _index(branch, {k: v.texts(k[0]) for k, v in elsewhere.items()}, before.keys())
    new = len(changed.keys() - before.keys())
    return Filled(new=new, changed=len(changed) - new, same=len(keys) - len(changed))


def _sealed(branch: str, subject_kind: str, subjects: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Subject and what is sealed of it, for many subjects of a sort."""
    found = VaultIdentity.objects.filter(branch=branch, subject_kind=subject_kind)
    wanted = list(subjects)
    for start in range(0, len(wanted), _AT_ONCE):
        some = found.filter(subject__in=wanted[start : start + _AT_ONCE])
        for subject, sealed in some.values_list("subject", "sealed"):
            yield subject, bytes(sealed)


def _known(branch: str, keys: Collection[Key]) -> dict[Key, _Known]:
    ring = keyring()
    return {
        (kind, subject): _Known.read(ring.open(sealed, _context(branch, kind, subject)))
        for kind in {kind for kind, _ in keys}
        for subject, sealed in _sealed(branch, kind, [s for k, s in keys if k == kind])
    }


def _keep(branch: str, changed: Mapping[Key, _Known]) -> None:
    """Seal and write identities."""
    ring = keyring()
    sealed = (
        (branch, kind, subject, ring.seal(known.plain(), _context(branch, kind, subject)), known.as_of)
        for (kind, subject), known in changed.items()
    )
    rows = [(b, kind, subject, what, ring.key_of(what), as_of) for b, kind, subject, what, as_of in sealed]
    with connection.cursor() as cursor:
        _copy(cursor, "identity", rows)
        cursor.execute(
            "insert into office_vault_identity (branch, subject_kind, subject, sealed, key_id, as_of, updated_at)"
            " select branch, subject_kind, subject, sealed, key_id, as_of, now() from vault_identity_in"
            " on conflict (branch, subject_kind, subject) do update set"
            " sealed = excluded.sealed, key_id = excluded.key_id, as_of = excluded.as_of, updated_at = now()"
        )


def _index(branch: str, texts: Mapping[Key, Collection[tuple[str, str]]], known: Collection[Key]) -> None:
    """Write the hashes by which subjects are found. known: those that may have had others before."""
    ring = keyring()
    rows = (
        (branch, name, ring.index(name, text, branch), kind, subject)
        for (kind, subject), pairs in texts.items()
        for name, text in pairs
    )
    with connection.cursor() as cursor:
        for kind in {kind for kind, _ in texts}:
            cursor.execute(
                "delete from office_vault_index where branch = %s and subject_kind = %s and subject = any(%s)",
                (branch, kind, [s for k, s in texts if k == kind and (k, s) in known]),
            )
        _copy(cursor, "index", rows)
        cursor.execute(
            "insert into office_vault_index (branch, field, digest, subject_kind, subject)"
            " select branch, field, digest, subject_kind, subject from vault_index_in on conflict do nothing"
        )


_COMING = {
    "identity": {
        "branch": "text",
        "subject_kind": "text",
        "subject": "text",
        "sealed": "bytea",
        "key_id": "text",
        "as_of": "date",
    },
    "index": {
        "branch": "text",
        "field": "text",
        "digest": "text",
        "subject_kind": "text",
        "subject": "text",
    },
    "blob": {"id": "uuid", "sealed": "bytea", "key_id": "text"},
}
"""Tables of the connection's own, into which rows are copied: row-level security takes no copies."""


def _copy(cursor: Any, name: str, rows: Iterable[Sequence[Any]]) -> None:
    """Put rows into the table vault_<name>_in in the place of those before."""
    columns = _COMING[name]
    declared = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    cursor.execute(f"create temp table if not exists vault_{name}_in ({declared}) on commit delete rows")
    cursor.execute(f"truncate vault_{name}_in")
    with cursor.copy(f"copy vault_{name}_in from stdin (format binary)") as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)


# ---- opening -----------------------------------------------------------------------------------------------------


def identities(subject_kind: str, subjects: Collection[str]) -> dict[str, Identity]:
    """Who some subjects of the branch acted in are, by subject; without those that are not in the vault.

    Whoever calls writes down who opened them and why. Raises VaultError when one does not open.
    """
    branch = on_duty().branch
    known = _known(branch, [(subject_kind, subject) for subject in set(subjects)])
    return {subject: next(one.identities()) for (_, subject), one in known.items()}


def identity(subject_kind: str, subject: str) -> Identity | None:
    """Who a subject of the branch acted in is, None when that is not in the vault; otherwise as `identities`."""
    return identities(subject_kind, [subject]).get(subject)


NO_IDENTITY = "氏名・住所の登録がありません"
NO_NAME = "氏名・名称の登録がありません"
NO_ADDRESS = "住所の登録がありません"
UNREADABLE = "氏名か住所に読めない文字があります"
TOO_LONG = "氏名と住所が長すぎて封筒の窓に入りません"


def recipients(subject_kind: str, subjects: Collection[str]) -> dict[str, Recipient | str]:
    """For each of many subjects of the branch acted in who a letter is addressed to, or in Japanese why it cannot be."""
    if subject_kind == Subject.INSTITUTION:
        public = institution_recipients(Lake.open(settings.CONFIG.lake), subjects)
        return {code: public.get(code, NO_ADDRESS) for code in subjects}
    found = identities(subject_kind, subjects)
    return {s: addressee(found[s]) if s in found else NO_IDENTITY for s in subjects}


def addressee(one: Identity) -> Recipient | str:
    """Who a letter to someone is addressed to, or in Japanese why it cannot be."""
    name, lines = (one.name or "").strip(), tuple((one.address or "").split(maxsplit=1))
    if not name:
        return NO_NAME
    if not lines:
        return NO_ADDRESS
    if "\ufffd" in name or "\ufffd" in (one.address or ""):
        return UNREADABLE
    if sum(map(len, (name, *lines))) > _LONGEST:
        return TOO_LONG
    try:
        return Recipient((name,), one.postcode or "", lines)
    except ArgumentError:
        return Recipient((name,), "", lines)


# ---- searching ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, repr=False)
class Query:
    """What somebody is searched by; blank for what is not known. Never shown by repr.

    name: 氏名, kana: カナ氏名 or the family's part, symbol and number: 記号・番号 of a card; symbol alone, or workplace (名称):
    a 事業所.
    """

    name: str = ""
    kana: str = ""
    birth_date: date | None = None
    symbol: str = ""
    number: str = ""
    person_number: str = ""
    workplace: str = ""


@dataclass(frozen=True)
class Found:
    """Whom a search found, (subject_kind, subject) each; more: there are others beyond the limit."""

    subjects: tuple[Key, ...]
    more: bool


_CANDIDATES = 500


def find(query: Query, limit: int = 20) -> Found:
    """Whom a query finds in the branch acted in: who meets everything it says, however it is spelt.

    Raises VaultError (empty_search) when it says too little: nothing, or a birth date or number without the rest.
    """
    branch = on_duty().branch
    if query.symbol and not query.number:
        return _workplace(branch, query)
    told = _asked(query)
    if not told or not all(normalised(name, text) for any_of in told for name, text in any_of):
        raise VaultError(
            "検索する語が足りません。",
            todo="氏名、カナ氏名、記号と番号、加入者番号、事業所の名称のどれかを入れてください。生年月日は、それらと合わせて使います。",
            code="empty_search",
        )
    asked = [[(name, keyring().index(name, text, branch)) for name, text in any_of] for any_of in told]
    by_day = query.birth_date is not None and not query.kana
    one = "select subject_kind, subject from office_vault_index where branch = %s and (field, digest) in ({})"
    parts = " intersect ".join(one.format(", ".join(["(%s, %s)"] * len(any_of))) for any_of in asked)
    values = [v for any_of in asked for v in (branch, *(part for pair in any_of for part in pair))]
    with connection.cursor() as cursor:
        most = _CANDIDATES if by_day else limit
        cursor.execute(f"{parts} order by 1, 2 limit %s", [*values, most + 1])
        keys: list[Key] = cursor.fetchall()
    more = len(keys) > most
    if by_day:
        who = identities(Subject.MEMBER, [s for kind, s in keys if kind == Subject.MEMBER])
        keys = [k for k in keys if k[1] in who and who[k[1]].birth_date == query.birth_date]
    return Found(tuple(keys[:limit]), more or len(keys) > limit)


def _asked(query: Query) -> list[list[tuple[str, str]]]:
    """What must all be met: of each the fields and texts of which one is enough."""
    asked = []
    if query.name:
        asked.append([("name", query.name)])
    if query.workplace:
        asked.append([("workplace_name", query.workplace)])
    if query.person_number:
        asked.append([("person_number", query.person_number)])
    if query.symbol:
        asked.append([("card", card_text(query.symbol, query.number))])
    if query.kana and query.birth_date:
        asked.append([("birth_kana", birth_text(query.birth_date, query.kana))])
    elif query.kana:
        asked.append([("kana", query.kana), ("kana_family", query.kana)])
    return asked


def _workplace(branch: str, query: Query) -> Found:
    if any((query.name, query.kana, query.birth_date, query.person_number)):
        raise VaultError(
            "記号だけでは人を探せません。",
            todo="番号も入れるか、記号を空にしてください。",
            code="empty_search",
        )
    symbol = normalise_symbol(query.symbol)
    known = VaultIdentity.objects.filter(branch=branch, subject_kind=Subject.WORKPLACE, subject=symbol)
    return Found(((Subject.WORKPLACE, symbol),) if known.exists() else (), more=False)


# ---- files -------------------------------------------------------------------------------------------------------


def keep(what: str, content: bytes) -> SealedBlob:
    """Seal a file of the branch acted in and write it. what: letters, labels or attachment."""
    branch, id, ring = on_duty().branch, uuid.uuid4(), keyring()
    sealed = ring.seal(content, _blob_context(branch, what, id))
    return SealedBlob.objects.create(
        id=id,
        branch=branch,
        what=what,
        sealed=sealed,
        key_id=ring.key_of(sealed),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def content(blob: SealedBlob) -> bytes:
    """A file as it was before it was sealed. Raises VaultError."""
    return keyring().open(bytes(blob.sealed), _blob_context(blob.branch, blob.what, blob.id))


def _blob_context(branch: str, what: str, id: uuid.UUID) -> tuple[str, ...]:
    return (branch, "blob", what, str(id))


def seal_name(branch: str, attachment: uuid.UUID, name: str) -> bytes:
    """The name of an attached file, sealed: file names often hold those of people."""
    return keyring().seal(name.encode(), _name_context(branch, attachment))


def open_name(attachment: Attachment) -> str:
    """The name of an attached file. Raises VaultError."""
    return (
        keyring()
        .open(bytes(attachment.sealed_name), _name_context(attachment.branch, attachment.id))
        .decode()
    )


def _name_context(branch: str, attachment: uuid.UUID) -> tuple[str, ...]:
    return (branch, "attachment", str(attachment), "name")


# ---- looking after the keys --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rotated:
    """How many identities, files and names of files were sealed anew."""

    identities: int = 0
    files: int = 0
    names: int = 0


def waiting() -> bool:
    """Whether anything is still sealed with an older key: a rotation was interrupted."""
    older = _older()
    return any(model.objects.filter(key_id__in=older).exists() for model in (VaultIdentity, SealedBlob))


def rotate(batch: int = 1000) -> Rotated:
    """Seal everything with the newest key that another sealed, some at a time: what was interrupted goes on where it was.

    Afterwards the older keys can be dropped. Raises VaultError when something does not open; what came before it is kept.
    """
    done = Counter[str]()
    for branch in BRANCH_CODES:
        for what, some in (
            ("identities", _rotate_identities),
            ("files", _rotate_files),
            ("names", _rotate_names),
        ):
            while count := _in_branch(branch, some, batch):
                done[what] += count
    return Rotated(done["identities"], done["files"], done["names"])


def _in_branch(branch: str, some: Callable[[str, int], int], batch: int) -> int:
    with system(branch):
        _alone(branch)
        return some(branch, batch)


def _older() -> list[str]:
    """The keys but the newest."""
    return [key for key in keyring().ids if key != keyring().newest]


def _rotate_identities(branch: str, batch: int) -> int:
    rows = VaultIdentity.objects.filter(branch=branch, key_id__in=_older())[:batch]
    ring = keyring()
    opened = {
        (row.subject_kind, row.subject): _Known.read(
            ring.open(bytes(row.sealed), _context(branch, row.subject_kind, row.subject))
        )
        for row in rows
    }
    if opened:
        _keep(branch, opened)
    return len(opened)


def _rotate_files(branch: str, batch: int) -> int:
    ring, count = keyring(), 0
    for blob in SealedBlob.objects.filter(branch=branch, key_id__in=_older())[: min(batch, _FILES)]:
        blob.sealed = ring.seal(content(blob), _blob_context(branch, blob.what, blob.id))
        blob.key_id = ring.key_of(blob.sealed)
        blob.save(update_fields=["sealed", "key_id"])
        count += 1
    return count


_FILES = 5
"""Files sealed anew in one transaction: each may hold five hundred letters."""


def _rotate_names(branch: str, batch: int) -> int:
    ring, count = keyring(), 0
    rows = Attachment.objects.filter(branch=branch).extra(
        where=["encode(substring(sealed_name from 2 for 4), 'hex') = any(%s)"], params=[_older()]
    )
    for row in rows[:batch]:
        row.sealed_name = ring.seal(open_name(row).encode(), _name_context(branch, row.id))
        row.save(update_fields=["sealed_name"])
        count += 1
    return count


@dataclass(frozen=True)
class Examined:
    """The state of the vault. identities, files: how many each key sealed; broken: what does not open, by branch and sort,
    never whose; unfound: how many of the subjects looked at cannot be found by search.
    """

    identities: Mapping[str, int]
    files: Mapping[str, int]
    broken: Mapping[tuple[str, str], int]
    unfound: int

    @property
    def sound(self) -> bool:
        """Whether everything opens and is found."""
        return not self.broken and not self.unfound


_LOOKED_AT = 100


def doctor() -> Examined:
    """Open everything that is sealed, and look up some of each branch by search; nothing of it is said."""
    sealed, files, broken = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    unfound = 0
    for branch in BRANCH_CODES:
        with system(branch):
            opened: dict[Key, _Known] = {}
            for row in VaultIdentity.objects.filter(branch=branch).iterator(_AT_ONCE):
                sealed[row.key_id] += 1
                try:
                    plain = keyring().open(bytes(row.sealed), _context(branch, row.subject_kind, row.subject))
                except VaultError:
                    broken[branch, row.subject_kind] += 1
                    continue
                if len(opened) < _LOOKED_AT:
                    opened[row.subject_kind, row.subject] = _Known.read(plain)
            unfound += _unfound(branch, opened)
            for blob in SealedBlob.objects.filter(branch=branch).iterator(1):
                files[blob.key_id] += 1
                try:
                    content(blob)
                except VaultError:
                    broken[branch, "file"] += 1
            for attachment in Attachment.objects.filter(branch=branch).iterator(_AT_ONCE):
                try:
                    open_name(attachment)
                except VaultError:
                    broken[branch, "name"] += 1
    return Examined(sealed, files, broken, unfound)


def _unfound(branch: str, opened: Mapping[Key, _Known]) -> int:
    """How many of some subjects have not the hashes they are to be found by."""
    rows = VaultIndex.objects.filter(branch=branch, subject__in=[s for _, s in opened])
    there = {tuple(row) for row in rows.values_list("subject_kind", "subject", "field", "digest")}
    return sum(
        any(
            (*key, name, keyring().index(name, text, branch)) not in there
            for name, text in known.texts(key[0])
        )
        for key, known in opened.items()
    )
