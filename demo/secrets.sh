#!/bin/sh
# Makes the secrets of compose.yaml, each in a file of its own, once. The folder is for its owner alone; the files in it
# are read by other users within the containers.
set -eu
cd "$(dirname "$0")"
[ -d secrets ] && exit 0
mkdir -m 700 secrets
umask 022
random() { openssl rand -hex 24; }
for name in team-a team-b redis grafana; do random | tr -d '\n' >"secrets/$name"; done
for team in team-a team-b; do
  printf '%s:%s\n' "$team" "$(openssl passwd -apr1 -in "secrets/$team")"
done >secrets/users
printf 'demo write %s\n' "$(random)" >secrets/edge-tokens
