#!/usr/bin/env bash
# Members of a replica set that ask for a password need a key among themselves. It is made once and stays with the
# data; nobody outside needs it.
set -euo pipefail
key=/data/db/replica-set.key
if [ ! -s "$key" ]; then
  (umask 077 && head -c 756 /dev/urandom | base64 -w 0 > "$key.new" && mv "$key.new" "$key")
fi
chown mongodb:mongodb "$key"
exec docker-entrypoint.sh mongod --replSet batch-gpt --keyFile "$key" --bind_ip_all
