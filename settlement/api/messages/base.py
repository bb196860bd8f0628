"""What a status message declares, and what is read from one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from core.http.problem import Fault
from core.ids import INSTRUCTION, database_id
from core.xml import Element, child, path_of
from settlement.services.standing import Kind, Report

NO_REASON = "NORE"  # ISO 20022's code for a reason that is not given
_REASON = re.compile(r"[A-Za-z0-9_.-]{1,35}")


@dataclass
class Reading:
    """One message as it is read: `pointer` says where in the body it stands, `faults` collects what is wrong."""

    pointer: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, element: Element, detail: str, code: str = "invalid") -> None:
        """Note what is wrong with an element."""
        self.faults.append(Fault(self.pointer + path_of(element), detail, code))

    def instruction(self, parent: Element, *paths: str) -> int:
        """Return the instruction that the first of these elements names; 0 and a fault when none does."""
        named = [each for path in paths if (each := child(parent, path)) is not None]
        for each in named:
            found = database_id(INSTRUCTION, (each.text or "").strip().replace("-", "_"))
            if found is not None:
                return found
        self.fault(
            named[0] if named else parent, "Not the id of an instruction: `ins_…` or `ins-…`.", "format"
        )
        return 0

    def reports(self, instruction_id: int, kind: Kind, status: Element) -> Iterator[Report]:
        """Yield a report for each reason of a status, or one without a reason where there is none."""
        reasons = [
            each.text.strip()
            for each in status.iter("{*}Cd", "{*}Id", "{*}Prtry", "{*}NoSpcfdRsn")
            if not len(each) and each.text
        ]
        for reason in reasons:
            if not _REASON.fullmatch(reason):
                self.fault(
                    status, "A reason is 1 to 35 letters, digits, dots, dashes or underscores.", "format"
                )
        for reason in dict.fromkeys(reasons) or ([NO_REASON] if kind == "FAILED" else [""]):
            yield Report(instruction_id, kind, reason)


@dataclass(frozen=True)
class StatusMessage:
    """A message that reports on instructions. `code`: the head of its namespace's last part, of any version.

    `statuses`: what each status in it means here, for its page. `read`: the reports of one message.
    """

    code: str
    title: str
    statuses: tuple[tuple[str, str], ...]
    read: Callable[[Element, Reading], Iterator[Report]]
