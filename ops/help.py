"""What the words of the console mean, and what each of its pages is for: the ONE table that help is drawn from.

The dialog of `?` shows a page's own words; docs/reference/console.md, which is made from the same table, shows all.
"""

from __future__ import annotations

from dataclasses import dataclass

WORDS = {
    "Trade": "An agreed deal: who, what, which side, how much, at which price, and when it settles.",
    "Version": "What was known of a trade at one time. It never changes: an amendment makes the next one.",
    "Held": "A check or limit found something, so the trade is not sealed before somebody has worked its exception.",
    "Finding": "What one check says of one version of a trade. One that blocks holds the trade.",
    "Exception": "A piece of work for people: why a trade is held, who owns it, when it is due, and the money at risk.",
    "At risk": "What the trade is worth in the base currency, for as long as its exception is open.",
    "Whose move": "Who must act next: operations, risk, reference data, an approver, the back office or the market.",
    "Cause": "What exceptions that are alike have in common: a code, and what it is about.",
    "Straight-through": "A trade that went from capture to settlement without a person touching it.",
    "Cut-off": "The time by which a market or channel must have been told, in its own zone, to settle on a value date.",
    "Value date": "The business day on which cash, securities or goods change hands.",
    "Maker and checker": "Whoever proposes a change, and the other person who approves it. Nobody is both.",
    "Proposal": "A change that waits for a second person. Editing what it says voids an approval.",
    "Excess": "More than a limit or check allows, which two people may accept for one version of a trade.",
    "Obligation": "One leg of a trade: who owes what asset to whom, and when.",
    "Instruction": "What the back office must do: one obligation or several netted, with the accounts resolved.",
    "Netting": "Setting what we owe a party off against what it owes us, as agreed with it.",
    "Batch": "Instructions of one channel and value date, sealed together: its bytes, hash and signature never change.",
    "Seal": "To fix what leaves: the trades in a batch can then only be changed by cancelling instructions.",
    "Claim": "A back-office system's lease on a batch while it works through it.",
    "Acknowledgement": "The back office's answer to one instruction: accepted, or rejected with a reason.",
    "Control totals": "Counts and sums of a batch by asset and direction, with which both sides can compare it.",
    "Hold": "To keep a trade, an instruction or a counterparty from being sealed, by hand and with a reason.",
    "Recall": "To take back what was sealed; whoever has claimed it must consent.",
    "Fail": "An instruction that did not settle on its value date.",
    "Chase": "To ask whoever must act next for what is due, and to note whom, by which way and when again.",
    "Position": "What a book has of an instrument or currency: traded is agreed, settled has arrived.",
    "Lot": "What is left of one purchase, at its price. The book's policy says which lot a sale takes.",
    "Corporate action": "What an issuer does to its securities, such as a dividend or a split.",
    "Explained": "The part of a day's profit that trades, prices, rates and fees account for.",
    "Flag": "A missing or stale price or rate, or another reason to look before a day is signed off.",
    "Sign-off": "Two people say that a book's profit of a day is right, as one run told it.",
    "Adjustment": "An amount that two people add to a day's profit, with a reason, until it is reversed.",
    "Confirmation": "What the counterparty says of a deal, matched field by field with what we have.",
    "Alleged": "The counterparty confirms a deal of which we know nothing.",
    "Journal": "Debits and credits that rules make of trades and corporate actions. Each entry balances.",
    "Closing": "After a day that two people have closed the books through, nothing is booked on it or before it.",
    "Limit": "A bound on a measure over a scope, with a mark that warns and a hard one that holds trades.",
    "Headroom": "What is left of a limit before its hard mark.",
    "Reservation": "Room under limits that is kept for a deal to come, until the deal comes or time runs out.",
    "Stop": "A block of a party, trader, book, instrument or source. Two people lift it.",
    "Check": "One rule that every trade is put to. How it is set is data that two people change.",
    "Back-test": "What a check, set otherwise, would have said of the trades of the last days.",
    "Fee rule": "What is charged for which deals, from a day on.",
    "Accrual": "A charge of a deal when it arises. It is reversed, never deleted.",
    "Invoice": "What we bill a customer of what was delivered or charged. Its number has no gaps before it.",
    "Credit note": "What we give back of an invoice.",
    "Reconciliation": "A comparison of what we have with what another side says, run after each statement.",
    "Break": "A difference between the two sides that is still open.",
    "Forced match": "Records that two people pair though they differ, for as long as a condition holds.",
    "SSI": "A standing settlement instruction: where a party wants cash, securities or goods delivered.",
    "Settlement cycle": "How many business days after the trade date a product settles in a market.",
    "Channel": "The way by which instructions leave, such as cash or securities, with its own cut-offs.",
    "Webhook": "An address of another system that is told of events as they happen.",
    "Replay": "To tell a webhook again of events that it was told before.",
    "Event": "One thing that happened: what, to what, by whom, when and why. The log of events is never changed.",
    "Chain": "Seals over the log, each with the hash of the one before it: no event can be altered unseen.",
    "Evidence": "The record of a trade, batch or day in one file, which anybody can verify without this product.",
    "Pivot": "Rows counted or summed by what they have in common, as a table or chart.",
    "Role": "What a person may do. An administrator gives it, with a reason that stands in the log.",
    "Second factor": "A code of an app or a recovery code, asked for after the password.",
    "As of": "The moment at which a figure was read, or the past moment that you have chosen to look at.",
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """What a page is for, in a sentence; the words that it uses, of WORDS; and pages of docs/ that say more."""

    purpose: str
    words: tuple[str, ...]
    docs: tuple[str, ...] = ()


PAGES = {
    "today": Page(
        "What is stuck, what is urgent, and what the next cut-offs wait for.",
        ("Cut-off", "Value date", "Held", "Exception", "At risk", "As of"),
        ("tutorial/first-day.md",),
    ),
    "blotter": Page(
        "Every trade, newest first, with the totals of what is shown.",
        ("Trade", "Held", "Value date", "As of"),
        ("reference/lifecycle.md", "reference/products/README.md"),
    ),
    "trade": Page(
        "One trade: its terms, where it stands, whose move it is, and all that ever happened to it.",
        (
            "Version",
            "Finding",
            "Whose move",
            "Obligation",
            "Instruction",
            "Batch",
            "Confirmation",
            "Evidence",
        ),
        ("reference/lifecycle.md", "explanation/held-not-refused.md", "time.md"),
    ),
    "exceptions": Page(
        "What people must look at, by the time that is left and then by the money at risk.",
        ("Exception", "Finding", "Whose move", "At risk", "Cause", "Cut-off", "Straight-through"),
        ("how-to/operate.md", "reference/checks/README.md"),
    ),
    "exception": Page(
        "One exception: why it is there, what was expected and found, and what can be done about it.",
        ("Exception", "Finding", "Whose move", "At risk", "Excess", "Version"),
        ("reference/checks/README.md", "explanation/held-not-refused.md"),
    ),
    "approvals": Page(
        "Changes that wait for a second person, with what would be other than now.",
        ("Proposal", "Maker and checker", "Excess"),
        ("how-to/operate.md", "reference/roles-and-scopes.md"),
    ),
    "batches": Page(
        "What is sealed for the back office, and what the next cut-offs will seal.",
        ("Batch", "Seal", "Cut-off", "Claim", "Acknowledgement", "Control totals", "Hold", "Recall"),
        ("how-to/operate.md", "how-to/hold-and-recall.md", "reference/formats/README.md"),
    ),
    "batch": Page(
        "One batch: its totals and hash, who claimed it, and each instruction with the trades behind it.",
        ("Instruction", "Netting", "Control totals", "Claim", "Acknowledgement", "Recall", "Evidence"),
        ("how-to/hold-and-recall.md", "reference/formats/README.md"),
    ),
    "settlement": Page(
        "Everything that is not finished, by who must act; what is owed day by day; and what has failed.",
        ("Whose move", "Obligation", "Instruction", "Value date", "Fail", "Chase"),
        ("reference/moves.md", "how-to/operate.md"),
    ),
    "positions": Page(
        "What the trades add up to, by book, instrument and currency, down to the trades.",
        ("Position", "Lot", "Corporate action"),
        ("positions.md",),
    ),
    "profit": Page(
        "What a day came to, why, and what must be looked at before it is signed off.",
        ("Explained", "Flag", "Adjustment", "Sign-off", "Maker and checker"),
        ("how-to/sign-off-profit.md",),
    ),
    "corporate_actions": Page(
        "What issuers do to what we hold, as two people have entered it.",
        ("Corporate action", "Position", "Lot", "Maker and checker"),
        ("positions.md",),
    ),
    "confirmations": Page(
        "What counterparties say of our deals, and where it differs from what we have.",
        ("Confirmation", "Alleged", "Whose move"),
        ("how-to/operate.md",),
    ),
    "journal": Page(
        "What the trades come to in debits and credits, and how far the books are closed.",
        ("Journal", "Closing", "Maker and checker"),
        ("how-to/close-the-books.md",),
    ),
    "explore": Page(
        "Any of our data pivoted and drawn, and a way back to the records behind a figure.",
        ("Pivot", "As of"),
    ),
    "limits": Page(
        "How much of each limit is used, by what, and what more was allowed for a while.",
        ("Limit", "Headroom", "Excess", "Reservation", "Stop", "Maker and checker"),
        ("reference/measures.md", "how-to/operate.md"),
    ),
    "checks": Page(
        "The rules that every trade is put to, how each is set, and what it has found.",
        ("Check", "Finding", "Back-test", "Maker and checker"),
        ("reference/checks/README.md", "how-to/turn-on-checks.md"),
    ),
    "fees": Page(
        "What is charged for which deals, and what was charged.",
        ("Fee rule", "Accrual", "Maker and checker"),
        ("how-to/bill-customers.md",),
    ),
    "invoices": Page(
        "What customers were billed and given back.",
        ("Invoice", "Credit note", "Maker and checker"),
        ("how-to/bill-customers.md",),
    ),
    "reconciliations": Page(
        "Where what others say differs from what we have, by age and money.",
        ("Reconciliation", "Break", "Forced match", "Maker and checker"),
        ("how-to/operate.md",),
    ),
    "reference": Page(
        "Parties, instruments, books, prices and other data that trades refer to, changed by two people.",
        ("SSI", "Maker and checker"),
        ("reference/reference-data.md",),
    ),
    "ssis": Page(
        "Where parties want things delivered, which the most specific one decides.",
        ("SSI", "Instruction", "Maker and checker"),
        ("how-to/change-settlement-instructions.md",),
    ),
    "calendars": Page(
        "Holidays, settlement cycles, cut-offs and channels, and what a change would move.",
        ("Settlement cycle", "Cut-off", "Channel", "Value date", "Maker and checker"),
        ("time.md", "reference/reference-data.md"),
    ),
    "integrations": Page(
        "The systems that talk to us and those that we tell, and what went wrong with them.",
        ("Webhook", "Event", "Replay"),
        ("how-to/connect-a-system.md", "reference/api.md"),
    ),
    "people": Page(
        "Who has an account, with which roles, and whether a second factor stands before it.",
        ("Role", "Second factor"),
        ("reference/roles-and-scopes.md", "how-to/limit-people-to-desks.md"),
    ),
    "audit": Page(
        "Who did what, when and why, and the proof that nobody has altered it.",
        ("Event", "Chain", "Evidence"),
        ("how-to/prove-the-record.md", "reference/audit-log.md"),
    ),
}


@dataclass(frozen=True)
class Shown:
    """Help as the dialog draws it."""

    purpose: str
    words: list[tuple[str, str]]
    docs: tuple[str, ...]


def help_of(screen: str, section: str) -> Shown | None:
    """Return the help of a screen, else that of the page of the navigation under which it stands; None without."""
    page = PAGES.get(screen) or PAGES.get(section)
    if page is None:
        return None
    return Shown(page.purpose, [(word, WORDS[word]) for word in page.words], page.docs)
