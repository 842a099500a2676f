#!/usr/bin/env bash
# Makes what the workflows need in a Google Cloud project and in the GitHub repository: bucket, image
# repository, cluster, a service account with the least roles, the way to sign in, variables and with a
# key its secret. What is there already is left as it is, so it can be run again. --dry-run prints every
# command and runs none ('?' asks, '+' changes).
#   GCP_PROJECT=my-project scripts/gcp/up.sh --dry-run
set -euo pipefail
assume=missing
# shellcheck source=scripts/gcp/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

g() { do_ gcloud --project "$project" --quiet "$@"; }
bind() { patiently gcloud --project "$project" --quiet "$@"; }

echo "# APIs"
g services enable artifactregistry.googleapis.com container.googleapis.com iam.googleapis.com \
  iamcredentials.googleapis.com sts.googleapis.com storage.googleapis.com

echo "# Bucket for DVC's objects: no public access, old versions kept for a week"
there gcloud --project "$project" storage buckets describe "gs://$bucket" || {
  g storage buckets create "gs://$bucket" --location "$region" \
    --uniform-bucket-level-access --public-access-prevention --soft-delete-duration 7d
  g storage buckets update "gs://$bucket" --update-labels "$label"
}

echo "# Repository for images"
there gcloud --project "$project" artifacts repositories describe "$registry" --location "$region" ||
  g artifacts repositories create "$registry" --location "$region" --repository-format docker \
    --labels "$label"

echo "# Service account of the workflows"
there gcloud --project "$project" iam service-accounts describe "$account" ||
  g iam service-accounts create "$account_name" --display-name "iris: deploys from GitHub" \
    --description "$label"

echo "# Its roles: objects of this bucket, images of this repository, workloads of clusters"
bind storage buckets add-iam-policy-binding "gs://$bucket" \
  --member "serviceAccount:$account" --role roles/storage.objectUser
bind artifacts repositories add-iam-policy-binding "$registry" --location "$region" \
  --member "serviceAccount:$account" --role roles/artifactregistry.writer
bind projects add-iam-policy-binding "$project" --condition None \
  --member "serviceAccount:$account" --role roles/container.developer

echo "# An account of the nodes' own: what a node needs, and the images of this repository"
there gcloud --project "$project" iam service-accounts describe "$nodes" ||
  g iam service-accounts create "$nodes_name" --display-name "iris: nodes of the cluster" \
    --description "$label"
bind projects add-iam-policy-binding "$project" --condition None \
  --member "serviceAccount:$nodes" --role roles/container.defaultNodeServiceAccount
bind artifacts repositories add-iam-policy-binding "$registry" --location "$region" \
  --member "serviceAccount:$nodes" --role roles/artifactregistry.reader

echo "# Cluster"
if there gcloud --project "$project" container clusters describe "$cluster" --location "$location"; then
  echo "# It was there: its nodes need roles/artifactregistry.reader, if they run as another account than $nodes"
else
  case "$mode" in
    autopilot)
      g container clusters create-auto "$cluster" --location "$location" --labels "$label" \
        --service-account "$nodes"
      ;;
    # Dataplane V2 enforces the NetworkPolicy; the nodes hold three replicas and the load's Job.
    standard)
      spot_flag=()
      [ "$spot" = no ] || spot_flag=(--spot)
      g container clusters create "$cluster" --location "$location" --num-nodes "$node_count" \
        --machine-type "$machine_type" "${spot_flag[@]}" --disk-size 30 --enable-dataplane-v2 \
        --enable-ip-alias --workload-pool "$project.svc.id.goog" --release-channel regular \
        --labels "$label" --service-account "$nodes"
      ;;
  esac
fi

if [ "$identity" = federation ]; then
  echo "# Workload Identity Federation: this repository's workflows on main alone, and no key"
  number=PROJECT_NUMBER repository_id=REPOSITORY_ID
  if [ "$dry_run" = 0 ]; then
    number=$(gcloud projects describe "$project" --format 'value(projectNumber)')
    # A name can be given to another repository, once this one is renamed or deleted; an id cannot.
    repository_id=$(gh api "repos/$repository" --jq .id)
    [[ $repository_id =~ ^[0-9]+$ ]] || { echo "up.sh: $repository has no id: '$repository_id'" >&2; exit 3; }
  fi
  there gcloud --project "$project" iam workload-identity-pools describe "$pool" --location global ||
    g iam workload-identity-pools create "$pool" --location global --description "$label"
  # A deleted pool is there for 30 days more, and its name is taken.
  if [ "$dry_run" = 0 ] && [ "$(gcloud --project "$project" iam workload-identity-pools describe "$pool" \
    --location global --format 'value(state)')" = DELETED ]; then
    g iam workload-identity-pools undelete "$pool" --location global
  fi
  # Whoever may push a branch may write a workflow there: only main's, which was reviewed, may sign in.
  terms=(
    --location global --workload-identity-pool "$pool"
    --issuer-uri https://token.actions.githubusercontent.com
    --attribute-mapping "google.subject=assertion.sub,attribute.repository_id=assertion.repository_id"
    --attribute-condition "assertion.repository_id == '$repository_id' && assertion.ref == 'refs/heads/main'"
  )
  if there gcloud --project "$project" iam workload-identity-pools providers describe "$provider" \
    --location global --workload-identity-pool "$pool"; then
    g iam workload-identity-pools providers update-oidc "$provider" "${terms[@]}"
  else
    g iam workload-identity-pools providers create-oidc "$provider" "${terms[@]}"
  fi
  pool_name=projects/$number/locations/global/workloadIdentityPools/$pool
  bind iam service-accounts add-iam-policy-binding "$account" --role roles/iam.workloadIdentityUser \
    --member "principalSet://iam.googleapis.com/$pool_name/attribute.repository_id/$repository_id"
  do_ gh variable set GCP_WORKLOAD_IDENTITY_PROVIDER --repo "$repository" \
    --body "$pool_name/providers/$provider"
  do_ gh variable set GCP_SERVICE_ACCOUNT --repo "$repository" --body "$account"
else
  echo "# A key, straight from Google to GitHub's secrets: it is never shown and never in the checkout"
  if [ "$dry_run" = 1 ]; then
    echo "+ gcloud iam service-accounts keys create FILE-OUTSIDE-THE-CHECKOUT --iam-account $account"
    echo "+ gh secret set GCP_SA_KEY --repo $repository < FILE-OUTSIDE-THE-CHECKOUT"
    echo "+ rm FILE-OUTSIDE-THE-CHECKOUT"
  elif gh secret list --repo "$repository" | grep -q '^GCP_SA_KEY\b'; then
    echo "# GCP_SA_KEY is set already; a second key is not made"
  else
    umask 077
    key=$(mktemp -d)
    trap 'rm -rf "$key"' EXIT
    gcloud --project "$project" iam service-accounts keys create "$key/key.json" --iam-account "$account"
    gh secret set GCP_SA_KEY --repo "$repository" <"$key/key.json"
  fi
fi

echo "# What the workflows read. Variables: the value of a secret is masked wherever it occurs in a log"
set_variable() {
  do_ gh variable set "$1" --repo "$repository" --body "$2"
  if [ "$dry_run" = 0 ] && gh secret list --repo "$repository" | grep -q "^$1\b"; then
    echo "# $1 is a secret as well, and stays masked until: gh secret delete $1 --repo $repository"
  fi
}
set_variable GCP_PROJECT "$project"
set_variable GCP_REGION "$region"
set_variable GKE_CLUSTER_NAME "$cluster"
set_variable GKE_CLUSTER_ZONE "$location"
set_variable ARTIFACT_REGISTRY_REPOSITORY "$registry"
set_variable BUCKET_NAME "$bucket"
for environment in production sanity; do
  do_ gh api --silent --method PUT "repos/$repository/environments/$environment" ||
    echo "# GitHub makes no environment '$environment' here: a private repository needs a paid plan for its rules. The workflows run without them"
done

echo "# Done. DVC's objects go into the bucket with:"
echo "#   scripts/use-bucket $bucket && build/release/iris push"
