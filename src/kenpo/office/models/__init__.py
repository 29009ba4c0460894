"""The tables of the office, one module per matter. Every table with a branch has row-level security (migration 0002)."""

from kenpo.office.models.accounts import Account
from kenpo.office.models.api import ApiRequest, ApiToken
from kenpo.office.models.audit import AuditRow
from kenpo.office.models.cases import Attachment, Bulk, BulkItem, CaseRow, ControlRow, EventRow, OptOut, Tally
from kenpo.office.models.letters import LetterBatch, LetterCounter, LetterRow, LetterRun
from kenpo.office.models.openings import Opening, OpeningRow
from kenpo.office.models.plans import PlanStep
from kenpo.office.models.vault import SealedBlob, VaultIdentity, VaultIndex

__all__ = [
    "Account",
    "ApiRequest",
    "ApiToken",
    "Attachment",
    "AuditRow",
    "Bulk",
    "BulkItem",
    "CaseRow",
    "ControlRow",
    "EventRow",
    "LetterBatch",
    "LetterCounter",
    "LetterRow",
    "LetterRun",
    "Opening",
    "OpeningRow",
    "OptOut",
    "PlanStep",
    "SealedBlob",
    "Tally",
    "VaultIdentity",
    "VaultIndex",
]
