#!/usr/bin/env bash
# One server with an empty log, for TEST_LOG_COMMAND: server.sh <port> <directory>. EVENTSTORE_PROGRAM names the server's program.
set -euo pipefail
port=$1 directory=$2
program=${EVENTSTORE_PROGRAM:-$(cat "$(dirname "$0")/server/program")}
# The server takes each variable that begins with EVENTSTORE_ or KURRENTDB_ for an option, and refuses one that it does not know.
for name in ${!EVENTSTORE_@} ${!KURRENTDB_@}; do unset "$name"; done
export EVENTSTORE_TELEMETRY_OPTOUT=true KURRENTDB_TELEMETRY_OPTOUT=true
case $program in
  *KurrentDB*) unset EVENTSTORE_TELEMETRY_OPTOUT ;;
  *) unset KURRENTDB_TELEMETRY_OPTOUT ;;
esac
replication=$((port > 40000 ? port - 20000 : port + 20000))
exec "$program" --insecure --db "$directory/data" --log "$directory/logs" \
  --node-ip 127.0.0.1 --node-port "$port" --replication-ip 127.0.0.1 --replication-port "$replication"
