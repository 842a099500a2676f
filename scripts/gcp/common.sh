# What up.sh and down.sh share: the names of what they make, and how a command is run. Sourced.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # used by, and set by, the scripts that source this

usage() {
  cat <<'TEXT'
Settings, by the environment (the value in brackets unless set):
  GCP_PROJECT         the project; must exist and have billing
  GCP_REGION          [europe-west1]
  GKE_CLUSTER_ZONE    the zone, or with CLUSTER_MODE=autopilot the region  [GCP_REGION-b]
  GKE_CLUSTER_NAME    [iris]
  CLUSTER_MODE        standard: nodes of your choice, below; autopilot: Google's  [standard]
  MACHINE_TYPE        of a standard cluster's nodes  [e2-standard-4]
  NODE_COUNT          of a standard cluster  [2]
  SPOT                yes: nodes that Google may take back, for a fraction of the price  [no]
  ARTIFACT_REGISTRY_REPOSITORY  [iris]
  BUCKET_NAME         [GCP_PROJECT-iris-dvc]
  GITHUB_REPOSITORY   owner/name, whose workflows may sign in  [of the remote origin]
  IDENTITY            federation: no key exists; key: GCP_SA_KEY  [federation]
TEXT
}

dry_run=0
for argument in "$@"; do
  case "$argument" in
    --dry-run) dry_run=1 ;;
    -h | --help)
      sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
      usage
      exit 0
      ;;
    *)
      echo "$(basename "$0"): '$argument': expected --dry-run or --help" >&2
      exit 2
      ;;
  esac
done

project=${GCP_PROJECT:-}
[ -n "$project" ] || { echo "$(basename "$0"): GCP_PROJECT is not set" >&2; usage >&2; exit 2; }
region=${GCP_REGION:-europe-west1}
mode=${CLUSTER_MODE:-standard}
case "$mode" in
  standard) location=${GKE_CLUSTER_ZONE:-$region-b} ;;
  autopilot) location=${GKE_CLUSTER_ZONE:-$region} ;;
  *) echo "CLUSTER_MODE '$mode': expected standard or autopilot" >&2; exit 2 ;;
esac
machine_type=${MACHINE_TYPE:-e2-standard-4} node_count=${NODE_COUNT:-2} spot=${SPOT:-no}
[[ $machine_type =~ ^[a-z0-9]+(-[a-z0-9]+)+$ ]] ||
  { echo "MACHINE_TYPE '$machine_type': expected a machine type, as e2-standard-4" >&2; exit 2; }
[[ $node_count =~ ^[1-9][0-9]?$ ]] || { echo "NODE_COUNT '$node_count': expected 1 to 99" >&2; exit 2; }
case "$spot" in
  yes | no) ;;
  *) echo "SPOT '$spot': expected yes or no" >&2; exit 2 ;;
esac
cluster=${GKE_CLUSTER_NAME:-iris}
registry=${ARTIFACT_REGISTRY_REPOSITORY:-iris}
bucket=${BUCKET_NAME:-$project-iris-dvc}
identity=${IDENTITY:-federation}
case "$identity" in
  federation | key) ;;
  *) echo "IDENTITY '$identity': expected federation or key" >&2; exit 2 ;;
esac
repository=${GITHUB_REPOSITORY:-$(git remote get-url origin 2>/dev/null | sed -nE 's|.*github\.com[:/]([^/]+/[^/.]+)(\.git)?$|\1|p')}
[[ $repository =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]] ||
  { echo "$(basename "$0"): GITHUB_REPOSITORY '$repository': expected owner/name" >&2; exit 2; }

readonly account_name=iris-deployer pool=iris-github provider=github
readonly account=$account_name@$project.iam.gserviceaccount.com
# The nodes', with the roles that a node needs. The default account of a project is often its editor.
readonly nodes_name=iris-nodes
readonly nodes=$nodes_name@$project.iam.gserviceaccount.com
# What up.sh made carries it; down.sh removes nothing else.
readonly label=made-by=iris-up

for tool in gcloud gh; do
  [ "$dry_run" = 1 ] || command -v "$tool" >/dev/null ||
    { echo "$(basename "$0"): '$tool' is not installed; see docs/deploy.md" >&2; exit 3; }
done

# Every command that changes something goes through here.
do_() {
  printf '+'
  printf ' %q' "$@"
  printf '\n'
  [ "$dry_run" = 1 ] || "$@"
}

# A service account can be named in a policy only some time after it was made: tries for two minutes.
patiently() {
  local try
  for try in $(seq 12); do
    if do_ "$@"; then return 0; fi
    echo "# refused; a new account may not be visible yet (try $try of 12)" >&2
    sleep "${RETRY_PAUSE_S:-10}"
  done
  echo "$(basename "$0"): '$*' was refused for two minutes" >&2
  return 1
}

# Whether something is there. A dry run knows nothing and takes it as $assume.
there() {
  if [ "$dry_run" = 1 ]; then
    printf '?'
    printf ' %q' "$@"
    printf '\n'
    [ "$assume" = there ]
  else
    "$@" >/dev/null 2>&1
  fi
}
