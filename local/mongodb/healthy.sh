#!/usr/bin/env bash
# Exit 0 when the server takes writes; starts the replica set where there is none yet.
set -euo pipefail
exec mongosh --quiet --username "$MONGO_INITDB_ROOT_USERNAME" --password "$MONGO_INITDB_ROOT_PASSWORD" --eval '
  try { rs.status() } catch (error) {
    if (error.codeName !== "NotYetInitialized") throw error;
    rs.initiate({ _id: "batch-gpt", members: [{ _id: 0, host: "localhost:27017" }] });
  }
  if (!db.hello().isWritablePrimary) quit(1);
'
