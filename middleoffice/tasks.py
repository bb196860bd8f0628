"""The worker's side of what only the whole knows: the demo."""

from __future__ import annotations

from celery import shared_task

from core import work
from core.audit import system
from core.clock import utc_now
from middleoffice.demo_steps import steps_of
from ops import demo

_ACTOR = system("demo")


@shared_task(name=demo.TASK)
def load_demo() -> int:
    """Go on with the demo that was asked for until it is loaded; return how many steps were taken."""
    taken = 0
    while work.do_next(demo.TASK, step=_step, give_up=_give_up, now=utc_now()):
        taken += 1
    return taken


def _step(load_id: int) -> bool:
    return demo.take_step(load_id=load_id, steps=steps_of, actor=_ACTOR, now=utc_now())


def _give_up(load_id: int) -> None:
    why = "It failed again and again; the log of the worker says why."
    demo.end_load(load_id=load_id, why=why, actor=_ACTOR, now=utc_now())
