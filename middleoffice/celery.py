"""The Celery application. PostgreSQL holds the work; a message is only a wake-up (see core/work.py)."""

import os
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import beat_init, worker_process_init

from middleoffice.lifeline import die_with_supervised_parent
from middleoffice.tuning import tune_process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "middleoffice.settings")

app = Celery("middleoffice")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_default_queue = "default"
app.conf.task_routes = {
    "risk.back_test": {"queue": "default"},  # no trade waits for these
    "risk.forget_back_tests": {"queue": "default"},
    "risk.*": {"queue": "risk"},
    "settlement.*": {"queue": "settlement"},
}
app.conf.beat_schedule = {
    "sweep": {"task": "core.sweep", "schedule": 5.0, "options": {"expires": 5}},
    "heartbeat": {"task": "core.heartbeat", "schedule": 10.0, "options": {"expires": 10}},
    "seal-due": {"task": "settlement.seal_due", "schedule": 30.0, "options": {"expires": 30}},
    "watch-pins": {"task": "settlement.watch_pins", "schedule": 30.0, "options": {"expires": 30}},
    "watch-exceptions": {"task": "trades.watch_exceptions", "schedule": 30.0, "options": {"expires": 30}},
    "match-unmatched": {"task": "trades.match_unmatched", "schedule": 60.0, "options": {"expires": 60}},
    "mark-moment": {"task": "core.mark_moment", "schedule": 300.0, "options": {"expires": 300}},
    "deliver": {"task": "feed.deliver", "schedule": 2.0, "options": {"expires": 2}},
    "summarise-log": {"task": "feed.summarise_log", "schedule": 5.0, "options": {"expires": 5}},
    "forget-deliveries": {"task": "feed.forget_deliveries", "schedule": 600.0},
    "seal-log": {"task": "core.seal_log", "schedule": 10.0, "options": {"expires": 10}},
    "recompute-limits": {"task": "risk.recompute_limits", "schedule": crontab(hour=1, minute=30)},
    "tie-out-fees": {"task": "settlement.tie_out_fees", "schedule": crontab(hour=2, minute=0)},
    "restate-limits": {"task": "risk.restate_limits", "schedule": 30.0, "options": {"expires": 30}},
    "enforce-stops": {"task": "risk.enforce_stops", "schedule": 30.0, "options": {"expires": 30}},
    "expire-reservations": {"task": "risk.expire_reservations", "schedule": 5.0, "options": {"expires": 5}},
    "learn-sizes": {"task": "risk.learn_sizes", "schedule": 60.0, "options": {"expires": 60}},
    "forget-back-tests": {"task": "risk.forget_back_tests", "schedule": 3600.0},
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
    app.send_task("core.heartbeat", expires=10)
