"""How every command begins: settings, then the log, so that nothing is logged before the secrets are known."""

from __future__ import annotations

from importlib.metadata import version

import structlog

from stream_reconcile.config import Settings, load_settings, unknown_variables
from stream_reconcile.logging_setup import configure_logging
from stream_reconcile.private_memory import keep_memory_private

log = structlog.get_logger()


def program_version() -> str:
    """Version of the installed package."""
    return version("stream-reconcile")


def settings_for_a_report() -> Settings:
    """Settings of a command that prints a result: unless asked for, only warnings are logged beside it."""
    keep_memory_private()
    settings = load_settings()
    level = settings.log_level if "log_level" in settings.model_fields_set else "warning"
    configure_logging(log_format=settings.log_format, level=level, secrets=settings.secret_values())
    return settings


def settings_for_a_job(**overrides: object) -> Settings:
    """Settings of a command that runs on: everything is logged."""
    keep_memory_private()
    settings = load_settings(**overrides)
    configure_logging(log_format=settings.log_format, level=settings.log_level, secrets=settings.secret_values())
    for name, meant in unknown_variables().items():
        if meant:
            log.warning("unknown_variable", name=name, did_you_mean=meant)
    return settings
