"""Ingest: one trade_updates websocket per account, every frame to Kafka verbatim."""

from stream_reconcile.jobs.ingest.config import IngestConfig, Timing
from stream_reconcile.jobs.ingest.job import run_ingest
from stream_reconcile.jobs.ingest.metrics import IngestMetrics

__all__ = ["IngestConfig", "IngestMetrics", "Timing", "run_ingest"]
