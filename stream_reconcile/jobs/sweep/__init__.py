"""The sweep job: reads the broker's REST API, compares it with the rows, publishes what differs, proves the rest."""

from stream_reconcile.jobs.sweep.config import SweepConfig
from stream_reconcile.jobs.sweep.job import run_sweeps
from stream_reconcile.jobs.sweep.metrics import SweepMetrics

__all__ = ["SweepConfig", "SweepMetrics", "run_sweeps"]
