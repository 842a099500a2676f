#!/usr/bin/env bash
# Removes what up.sh made and nothing else: a bucket, repository, cluster, account or pool without its
# mark (made-by=iris-up) stays. Ends with what still costs money. --dry-run prints every command and
# runs none ('?' asks, '+' changes).
#   GCP_PROJECT=my-project scripts/gcp/down.sh --dry-run
set -euo pipefail
assume=there
# shellcheck source=scripts/gcp/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

g() { do_ gcloud --project "$project" --quiet "$@"; }

# marked FORMAT COMMAND…: whether what COMMAND describes is there and carries up.sh's mark.
marked() {
  local format=$1 found
  shift
  if [ "$dry_run" = 1 ]; then
    printf '?'
    printf ' %q' gcloud --project "$project" "$@" --format "$format"
    printf '   # must be %s\n' "$label"
    return 0
  fi
  found=$(gcloud --project "$project" "$@" --format "$format" 2>/dev/null) || return 1
  [ "$found" = "${label#*=}" ] || [ "$found" = "$label" ] && return 0
  echo "# kept: '$*' shows no mark of up.sh"
  return 1
}

echo "# Service, before the cluster: its load balancer would stay behind and cost money"
if marked 'value(resourceLabels.made-by)' container clusters describe "$cluster" --location "$location"; then
  g container clusters get-credentials "$cluster" --location "$location"
  do_ kubectl delete namespace iris --ignore-not-found --wait=true --timeout=5m
  g container clusters delete "$cluster" --location "$location"
fi

echo "# Images"
! marked 'value(labels.made-by)' artifacts repositories describe "$registry" --location "$region" ||
  g artifacts repositories delete "$registry" --location "$region"

echo "# Bucket, with all objects"
! marked 'value(labels.made-by)' storage buckets describe "gs://$bucket" ||
  g storage rm --recursive "gs://$bucket"

echo "# Way to sign in"
! marked 'value(description)' iam workload-identity-pools describe "$pool" --location global ||
  g iam workload-identity-pools delete "$pool" --location global
if marked 'value(description)' iam service-accounts describe "$account"; then
  g projects remove-iam-policy-binding "$project" --condition None \
    --member "serviceAccount:$account" --role roles/container.developer
  g iam service-accounts delete "$account"
fi

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

echo "# What is left of load balancers and disks; empty is what it should be"
g compute forwarding-rules list
g compute disks list --filter "labels.goog-k8s-cluster-name=$cluster"
