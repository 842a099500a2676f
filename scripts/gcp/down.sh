#!/usr/bin/env bash
# Removes what up.sh made and nothing else: a bucket, repository, cluster, account or pool without its
# mark (made-by=iris-up) stays. A step that fails does not end it: it goes on, lists what is left, and ends
# with exit status 1. --dry-run prints every command and runs none ('?' asks, '+' changes).
#   GCP_PROJECT=my-project scripts/gcp/down.sh --dry-run
set -euo pipefail
assume=there
# shellcheck source=scripts/gcp/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

g() { do_ gcloud --project "$project" --quiet "$@"; }

# Goes on where a step fails: what is next may cost money, too.
left=()
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
try_() {
  local what=$1
  shift
  "$@" || left+=("$what")
}

# marked FORMAT COMMAND…: whether what COMMAND describes is there and carries up.sh's mark. What cannot be
# asked, as after a login that ended, is left and not absent.
marked() {
  local format=$1 found
  shift
  if [ "$dry_run" = 1 ]; then
    printf '?'
    printf ' %q' gcloud --project "$project" "$@" --format "$format"
    printf '   # must be %s\n' "$label"
    return 0
  fi
  if ! found=$(gcloud --project "$project" "$@" --format "$format" 2>"$work/said"); then
    if ! grep -qiE 'not[ _]found|\b404\b|does not exist' "$work/said"; then
      cat "$work/said" >&2
      left+=("$* could not be asked")
    fi
    return 1
  fi
  [ "$found" = "${label#*=}" ] || [ "$found" = "$label" ] && return 0
  echo "# kept: '$*' shows no mark of up.sh"
  return 1
}

echo "# Service, before the cluster: its load balancer would stay behind and cost money"
if marked 'value(resourceLabels.made-by)' container clusters describe "$cluster" --location "$location"; then
  # Without the cluster's credentials kubectl would speak to another cluster.
  if ! { [ "$dry_run" = 1 ] || command -v kubectl >/dev/null; }; then
    left+=("the namespace iris, since kubectl is not installed: its load balancer may be left")
  elif ! g container clusters get-credentials "$cluster" --location "$location"; then
    left+=("the namespace iris, since the cluster gives no credentials: its load balancer may be left")
  else
    try_ "the namespace iris: its load balancer may be left" \
      do_ kubectl delete namespace iris --ignore-not-found --wait=true --timeout=5m
  fi
  try_ "cluster $cluster" g container clusters delete "$cluster" --location "$location"
fi

echo "# Images"
! marked 'value(labels.made-by)' artifacts repositories describe "$registry" --location "$region" ||
  try_ "image repository $registry" g artifacts repositories delete "$registry" --location "$region"

echo "# Bucket, with all objects"
! marked 'value(labels.made-by)' storage buckets describe "gs://$bucket" ||
  try_ "bucket $bucket" g storage rm --recursive "gs://$bucket"

echo "# Way to sign in"
! marked 'value(description)' iam workload-identity-pools describe "$pool" --location global ||
  try_ "identity pool $pool" g iam workload-identity-pools delete "$pool" --location global
# remove_account ACCOUNT ROLE: removes a marked account with its role in the project.
remove_account() {
  marked 'value(description)' iam service-accounts describe "$1" || return 0
  try_ "role $2 of $1" g projects remove-iam-policy-binding "$project" --condition None \
    --member "serviceAccount:$1" --role "$2"
  try_ "account $1" g iam service-accounts delete "$1"
}
remove_account "$account" roles/container.developer
remove_account "$nodes" roles/container.defaultNodeServiceAccount

echo "# GitHub"
secrets=()
variables=(GCP_PROJECT GCP_REGION GKE_CLUSTER_NAME GKE_CLUSTER_ZONE ARTIFACT_REGISTRY_REPOSITORY
  BUCKET_NAME)
# A key that someone set for another way to sign in is not ours.
case "$identity" in
  key) secrets+=(GCP_SA_KEY) ;;
  federation) variables+=(GCP_WORKLOAD_IDENTITY_PROVIDER GCP_SERVICE_ACCOUNT) ;;
esac
for name in "${secrets[@]}"; do
  do_ gh secret delete "$name" --repo "$repository" || echo "# $name was not set"
done
for name in "${variables[@]}"; do
  do_ gh variable delete "$name" --repo "$repository" || echo "# $name was not set"
done

echo "# The environments production and sanity stay: their rules may be yours"

echo "# Load balancers and disks that are there now; of the cluster's there should be none"
try_ "a list of the load balancers" g compute forwarding-rules list
try_ "a list of the disks" g compute disks list --filter "labels.goog-k8s-cluster-name=$cluster"

if [ "${#left[@]}" -gt 0 ]; then
  echo "down.sh: not done, look at it yourself, or run it again:" >&2
  printf 'down.sh:   %s\n' "${left[@]}" >&2
  exit 1
fi
