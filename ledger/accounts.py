"""The chart of accounts: the same for every entity and currency."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Accounts(StrEnum):
    """The codes of the accounts."""

    INVENTORY = "INVENTORY"
    CASH = "CASH"
    RECEIVABLE = "RECEIVABLE"
    PAYABLE = "PAYABLE"
    POSITION = "POSITION"
    ACCRUED_INTEREST = "ACCRUED_INTEREST"
    REALISED_GAIN = "REALISED_GAIN"
    VALUATION = "VALUATION"
    UNREALISED_GAIN = "UNREALISED_GAIN"
    INVESTMENT_INCOME = "INVESTMENT_INCOME"
    FEE_INCOME = "FEE_INCOME"
    FEE_EXPENSE = "FEE_EXPENSE"
    REVENUE = "REVENUE"
    COST_OF_SALES = "COST_OF_SALES"
    ACCRUED_CHARGES = "ACCRUED_CHARGES"
    TAX_PAYABLE = "TAX_PAYABLE"
    SUSPENSE = "SUSPENSE"


class AccountType(StrEnum):
    """What an account is of. A clearing account stands between two sides until both have come."""

    ASSET = "ASSET"
    LIABILITY = "LIABILITY"
    INCOME = "INCOME"
    EXPENSE = "EXPENSE"
    CLEARING = "CLEARING"


@dataclass(frozen=True)
class Account:
    """An account of the chart."""

    code: Accounts
    name: str
    type: AccountType


CHART = (
    Account(Accounts.INVENTORY, "Trading positions and inventory, at cost", AccountType.ASSET),
    Account(Accounts.CASH, "Cash", AccountType.ASSET),
    Account(Accounts.RECEIVABLE, "Receivable from counterparties", AccountType.ASSET),
    Account(Accounts.PAYABLE, "Payable to counterparties", AccountType.LIABILITY),
    Account(Accounts.POSITION, "Currency and contract positions", AccountType.CLEARING),
    Account(Accounts.ACCRUED_INTEREST, "Interest paid and received with bonds", AccountType.INCOME),
    Account(Accounts.REALISED_GAIN, "Realised profit and loss", AccountType.INCOME),
    Account(Accounts.VALUATION, "Valuation of positions, beyond cost", AccountType.ASSET),
    Account(Accounts.UNREALISED_GAIN, "Unrealised profit and loss", AccountType.INCOME),
    Account(Accounts.INVESTMENT_INCOME, "Dividends, coupons and redemptions", AccountType.INCOME),
    Account(Accounts.FEE_INCOME, "Fees and charges received", AccountType.INCOME),
    Account(Accounts.FEE_EXPENSE, "Fees paid", AccountType.EXPENSE),
    Account(Accounts.REVENUE, "Revenue", AccountType.INCOME),
    Account(Accounts.COST_OF_SALES, "Cost of sales", AccountType.EXPENSE),
    Account(Accounts.ACCRUED_CHARGES, "Charges accrued and not yet paid", AccountType.CLEARING),
    Account(Accounts.TAX_PAYABLE, "Sales taxes to be paid over", AccountType.LIABILITY),
    Account(Accounts.SUSPENSE, "Suspense", AccountType.CLEARING),
)
