"""deploy/compose.yaml: what it names is there, and it says the same as the files beside it. Prometheus and
the dashboard's queries are run by tests/e2e/test_dashboard.py."""

import json
import re

import pytest
import yaml


@pytest.fixture
def folder(repo):
    return repo / "deploy"


@pytest.fixture
def services(folder):
    return yaml.safe_load((folder / "compose.yaml").read_text())["services"]


def test_the_root_serves_the_same(repo, folder):
    (included,) = yaml.safe_load((repo / "compose.yaml").read_text())["include"]
    assert (repo / included).samefile(folder / "compose.yaml")


def test_the_image_is_built_from_the_root(repo, folder, services):
    build = services["iris"]["build"]
    assert (folder / build["context"]).resolve() == repo
    assert re.search(rf"(?m)^FROM scratch AS {build['target']}$", (repo / "Dockerfile").read_text())


def test_what_is_mounted_is_there_and_cannot_be_changed(folder, services):
    named = set(yaml.safe_load((folder / "compose.yaml").read_text())["volumes"])
    mounts = [mount.split(":") for each in services.values() for mount in each.get("volumes", [])]
    assert len(mounts) == 4
    for source, _, *mode in mounts:
        assert source in named or ((folder / source).exists() and mode == ["ro"])


def test_other_images_are_pinned(services):
    images = [each["image"] for each in services.values() if "build" not in each]
    assert len(images) == 2
    assert all(re.fullmatch(r"docker\.io/[a-z/]+:v?[\d.]+@sha256:[0-9a-f]{64}", each) for each in images)


def test_nothing_is_reached_from_another_machine(services):
    ports = [port for each in services.values() for port in each["ports"]]
    assert len(ports) == 3
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+", each) for each in ports)
    # Reloads are asked for on the admin port: it is not published.
    assert [each.rpartition(":")[2] for each in services["iris"]["ports"]] == ["8080"]


def test_it_runs_as_a_pod_does(repo, services):
    deployment = yaml.safe_load((repo / "k8s/deployment.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    iris = services["iris"]
    assert iris["read_only"] is pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    assert iris["mem_limit"] == pod["containers"][0]["resources"]["limits"]["memory"].replace("Mi", "m")
    assert iris["stop_grace_period"] == f"{pod['terminationGracePeriodSeconds']}s"
    for each in services.values():
        assert each["cap_drop"] == ["ALL"] and each["security_opt"] == ["no-new-privileges"]


def test_prometheus_finds_the_service_and_grafana_finds_prometheus(folder, services, run_iris):
    (scrape,) = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]
    host, port = scrape["static_configs"][0]["targets"][0].split(":")
    assert host in services
    flags = [each for each in services[host]["command"] if each.startswith("--")]
    helped = run_iris("serve", "--help").stdout
    assert all(flag.partition("=")[0] in helped for flag in flags)
    assert "--admin-host=0.0.0.0" in flags
    assert re.search(rf"--admin-port \w+:?\S* ?\S*={port}\b|--admin-port[^\n]*\b{port}\b", helped), helped
    provisioning = folder / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    published = services["prometheus"]["ports"][0].rpartition(":")[2]
    assert source["url"] == f"http://prometheus:{published}"


def test_grafana_finds_the_dashboard(folder, services):
    provisioning = folder / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "iris.yml").read_text())["providers"]
    path = provider["options"]["path"]
    assert f"./grafana/dashboards:{path}:ro" in services["grafana"]["volumes"]
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{path}/iris.json"
    dashboard = json.loads((folder / "grafana/dashboards/iris.json").read_text())
    panels = dashboard["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    # The grid has 24 columns, and no two panels lie on each other.
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        assert panel["datasource"]["uid"] == "${datasource}"
    assert {each["name"] for each in dashboard["templating"]["list"]} == {"datasource", "job"}
