#!/usr/bin/env bash
# Runs the contract, end-to-end and fault tests on a real server: one for each log, from the program in a container image.
#   infra/eventstoredb/test.sh [image]                     EventStoreDB 24.10 unless an image is named
#   infra/eventstoredb/test.sh kurrentplatform/kurrentdb:26.1.2
# Needs Docker only to copy the program out of the image: the tests end a server by SIGKILL, which `docker run` does not pass on.
set -euo pipefail
image=${1:-eventstore/eventstore:24.10.0-bookworm-slim}
here=$(cd "$(dirname "$0")" && pwd)

rm -rf "$here/server"
mkdir "$here/server"
program=$(docker image inspect "$image" --format '{{index .Config.Entrypoint 0}}' 2>/dev/null ||
  { docker pull --quiet "$image" >/dev/null && docker image inspect "$image" --format '{{index .Config.Entrypoint 0}}'; })
container=$(docker create "$image")
trap 'docker rm "$container" >/dev/null' EXIT
docker cp "$container:$(dirname "$program")/." "$here/server/"
echo "$here/server/$(basename "$program")" >"$here/server/program"

cd "$here/../.."
TEST_LOG=eventstoredb TEST_LOG_COMMAND="$here/server.sh" npm test -- --selectProjects contracts e2e faults
