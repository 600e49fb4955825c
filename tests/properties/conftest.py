"""How many examples each property is tried with: RECONCILE_PROPERTY_EXAMPLES (default 60).

Properties that are cheap, or look for what is rare, take a multiple of it.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "reconcile",
    max_examples=int(os.environ.get("RECONCILE_PROPERTY_EXAMPLES", "60")),
    deadline=None,  # a machine shared with Kafka and Postgres stalls now and then, which says nothing of a property
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("reconcile")
