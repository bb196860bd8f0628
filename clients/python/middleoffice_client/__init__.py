"""A client of Middleoffice for back offices: batches out, answers and status reports in."""

from middleoffice_client.api import Answer, Batch, Claim, Client, Line, Problem, StatusReport
from middleoffice_client.handover import Command, Folder, HandOver
from middleoffice_client.pull import Pull, Pulled
from middleoffice_client.verify import NotAuthentic, Trust

__all__ = [
    "Answer",
    "Batch",
    "Claim",
    "Client",
    "Command",
    "Folder",
    "HandOver",
    "Line",
    "NotAuthentic",
    "Problem",
    "Pull",
    "Pulled",
    "StatusReport",
    "Trust",
]
