"""What a list declares: its columns, and which parameters of its address are a filter that can be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.lists._cells import Cell, Row
from ops.permissions import Right


@dataclass(frozen=True)
class Column:
    """A column of a list.

    sort: what its head sorts by, `x` upwards and `-x` downwards, where it can. zoned: its head names the zone of its
    moments. present: it is not known of the past. base: its head names the base currency. spare: left out where a
    page is narrow.
    """

    code: str
    title: str
    cell: Cell
    sort: str = ""
    zoned: bool = False
    present: bool = False
    base: bool = False
    spare: bool = False

    @property
    def css(self) -> str:
        """Return the classes of its cells."""
        return f"{self.cell.css} spare".strip() if self.spare else self.cell.css


@dataclass(frozen=True)
class Asked:
    """What of a list is wanted: by a filter, in an order, by whom and when; `most` rows and one more will do.

    steady: everything is read of one moment, in the background, where a search may take its time.
    """

    parameters: Mapping[str, str]
    sort: str
    user_id: int
    now: datetime
    most: int
    steady: bool = False


@dataclass(frozen=True)
class Listed:
    """A list of the console.

    code: as in addresses. title: its rows, in the plural. screen: the name of its address. right: who sees it.
    columns: the first is the record and always shown. filters: the parameters of its address that narrow it. pages:
    its rows in their order, some at a time. sorts: what `sort` may be. usual: the codes of the columns that it has
    where nobody chose, by the filter; all unless said. api: the parameters with which the API's list of the same
    code filters alike; None for what it has no words for, such as what means whoever looks. Without it, the API has
    no such list. api_path: of the API's list, where it is not the code.
    """

    code: str
    title: str
    screen: str
    right: Right
    columns: tuple[Column, ...]
    filters: tuple[str, ...]
    pages: Callable[[Asked], Iterator[Sequence[Row]]]
    sorts: tuple[str, ...] = ()
    usual: Callable[[Mapping[str, str]], tuple[str, ...]] | None = None
    api: Callable[[Mapping[str, str]], dict[str, str] | None] | None = None
    api_path: str = ""

    @property
    def in_api(self) -> bool:
        """Tell whether the API has the same list."""
        return self.api is not None

    @property
    def by_code(self) -> dict[str, Column]:
        """Return the columns by their codes."""
        return {each.code: each for each in self.columns}

    def usual_columns(self, filtered: Mapping[str, str], *, past: bool = False) -> list[Column]:
        """Return the columns shown of a filter where nobody chose others, without the record's."""
        codes = self.usual(filtered) if self.usual else tuple(self.by_code)
        chosen = [self.by_code[code] for code in codes]
        return [each for each in chosen if each != self.columns[0] and not (past and each.present)]

    def columns_of(self, text: str, filtered: Mapping[str, str], *, past: bool = False) -> list[Column]:
        """Return the columns that codes with commas choose, in their order; what is none of them is left out."""
        known = self.by_code
        codes = [code for code in dict.fromkeys(text.split(",")) if code in known]
        chosen = [known[code] for code in codes if known[code] != self.columns[0]]
        chosen = [each for each in chosen if not (past and each.present)]
        return [self.columns[0], *(chosen or self.usual_columns(filtered, past=past))]
