#!/usr/bin/env bash
# Run once by docker-compose.yml: passwords and the token into a volume that only its services see.
set -euo pipefail
cd /run/reconcile

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# Whoever is in these containers runs under a user of its own, and each has to read what it needs.
umask 022
for name in postgres-password http-token grafana-password; do
    [ -s "$name" ] || random >"$name"
done
printf 'postgresql://reconcile:%s@postgres:5432/trading' "$(cat postgres-password)" >database-url
