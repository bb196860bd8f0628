"""The Celery application. PostgreSQL holds the work; a message is only a wake-up (see core/work.py)."""

import os
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import beat_init, worker_process_init

from middleoffice.lifeline import die_with_supervised_parent
from middleoffice.queues import DEFAULT, LEDGER, RISK, SETTLEMENT, SLOW
from middleoffice.tuning import tune_process

LONGEST_WAIT = 30.0  # seconds: all hands may be at turns of 20

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "middleoffice.settings")

app = Celery("middleoffice")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_default_queue = DEFAULT
app.conf.task_routes = {
    "risk.back_test": {"queue": SLOW},  # no trade waits for these
    "risk.forget_back_tests": {"queue": SLOW},
    "ops.count_flow": {"queue": DEFAULT},
    "ops.*": {"queue": SLOW},
    # Asked by the clock, and done in a moment where there is nothing to do: not behind the turns of the others.
    "risk.restate_limits": {"queue": DEFAULT},
    "risk.sample_use": {"queue": DEFAULT},
    "risk.enforce_stops": {"queue": DEFAULT},
    "risk.expire_reservations": {"queue": DEFAULT},
    "settlement.seal_due": {"queue": DEFAULT},
    "settlement.seal_records": {"queue": DEFAULT},
    "settlement.watch_pins": {"queue": DEFAULT},
    "trades.watch_exceptions": {"queue": DEFAULT},
    "trades.forget_bulk_items": {"queue": SLOW},
    "trades.remind_of_confirmations": {"queue": DEFAULT},
    "trades.send_confirmation_mails": {"queue": SLOW},  # a mail server may take its time
    "trades.*": {"queue": RISK},  # what releases and matches trades takes turns with what checks them
    "risk.*": {"queue": RISK},
    "settlement.*": {"queue": SETTLEMENT},
    "ledger.*": {"queue": LEDGER},
}


def _every(seconds: float, task: str) -> dict[str, Any]:
    """Return a task of the clock. A message waits longer than any turn takes; then the next one will do."""
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, LONGEST_WAIT)}}


app.conf.beat_schedule = {
    "sweep": _every(5.0, "core.sweep"),
    "heartbeat": _every(10.0, "core.heartbeat"),
    "seal-due": _every(30.0, "settlement.seal_due"),
    "seal-records": _every(30.0, "settlement.seal_records"),
    "watch-pins": _every(30.0, "settlement.watch_pins"),
    "watch-exceptions": _every(30.0, "trades.watch_exceptions"),
    "mark-moment": _every(300.0, "core.mark_moment"),
    "deliver": _every(2.0, "feed.deliver"),
    "count-flow": _every(10.0, "ops.count_flow"),
    "summarise-log": _every(5.0, "feed.summarise_log"),
    "post-positions": _every(2.0, "ledger.post_positions"),
    "verify-positions": {"task": "ledger.verify_positions", "schedule": crontab(hour=2, minute=30)},
    "refresh-profit": _every(30.0, "ledger.refresh_profit"),
    "post-journal": _every(5.0, "ledger.post_journal"),
    "verify-journal": {"task": "ledger.verify_journal", "schedule": crontab(hour=2, minute=45)},
    "match-unmatched": _every(60.0, "trades.match_unmatched"),
    "remind-of-confirmations": _every(60.0, "trades.remind_of_confirmations"),
    "send-confirmation-mails": _every(60.0, "trades.send_confirmation_mails"),
    "forget-deliveries": {"task": "feed.forget_deliveries", "schedule": 600.0},
    "seal-log": _every(10.0, "core.seal_log"),
    "recompute-limits": {"task": "risk.recompute_limits", "schedule": crontab(hour=1, minute=30)},
    "tie-out-fees": {"task": "settlement.tie_out_fees", "schedule": crontab(hour=2, minute=0)},
    "sample-use": _every(300.0, "risk.sample_use"),
    "restate-limits": _every(30.0, "risk.restate_limits"),
    "enforce-stops": _every(30.0, "risk.enforce_stops"),
    "expire-reservations": _every(5.0, "risk.expire_reservations"),
    "learn-sizes": _every(60.0, "risk.learn_sizes"),
    "expire-holds": _every(60.0, "settlement.expire_holds"),
    "bill-due": {"task": "settlement.bill_due", "schedule": crontab(hour=0, minute=30)},
    "tie-out-invoices": {"task": "settlement.tie_out_invoices", "schedule": crontab(hour=2, minute=30)},
    "accrue-penalties": {"task": "settlement.accrue_penalties", "schedule": crontab(hour=3, minute=0)},
    "forget-bulk-items": {"task": "trades.forget_bulk_items", "schedule": 3600.0},
    "forget-back-tests": {"task": "risk.forget_back_tests", "schedule": 3600.0},
    "forget-exports": {"task": "ops.forget_exports", "schedule": 3600.0},
    "forget-notifications": {"task": "ops.forget_notifications", "schedule": 3600.0},
    "ask-due-runs": _every(60.0, "ledger.ask_due_runs"),
    "forget-idempotency-keys": {"task": "core.forget_idempotency_keys", "schedule": 3600.0},
}
app.autodiscover_tasks()


@worker_process_init.connect
def _settle_in(**_: Any) -> None:
    """A pool process must not outlive a worker that was killed."""
    die_with_supervised_parent()
    tune_process()


@beat_init.connect
def _beat_heart(**_: Any) -> None:
    """Beat at once, so that a first start is ready in seconds and not after the first interval."""
    app.send_task("core.heartbeat", expires=LONGEST_WAIT)
