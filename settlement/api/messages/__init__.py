"""The messages in which a back office may report, one file each."""

from core.registry import Registry
from settlement.api.messages.base import StatusMessage

MESSAGES: Registry[StatusMessage] = Registry("settlement.api.messages", StatusMessage)
