"""The cluster file is one that Ray's launcher takes, and docs/scale.md says what was measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scale.cluster import TUNED
from tests.scale.sizing import DOCS, PAGE, RECORDS, written_page

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster_file() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCS / "cluster.yaml").read_text())
    return found


def check(config: dict[str, Any]) -> dict[str, Any]:
    """As `ray up` does before it reaches for any machine."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared: dict[str, Any] = prepare_config(config)
    validate_config(prepared)
    return prepared


def test_rays_launcher_takes_the_cluster_file(cluster_file: dict[str, Any]) -> None:
    prepared = check(cluster_file)
    (kind,) = prepared["available_node_types"].values()
    assert kind["min_workers"] == len(cluster_file["provider"]["worker_ips"])
    assert prepared["head_start_ray_commands"] == cluster_file["head_start_ray_commands"]


def test_rays_launcher_refuses_a_key_that_it_does_not_know(cluster_file: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="worker_start_commands"):
        check(cluster_file | {"worker_start_commands": []})


def test_every_node_asks_for_the_token(cluster_file: dict[str, Any]) -> None:
    for who in ("head", "worker"):
        (start,) = [
            line for line in cluster_file[f"{who}_start_ray_commands"] if "ray start" in line
        ]
        assert "RAY_AUTH_MODE=token" in start


def test_the_cluster_file_has_the_settings_that_were_tried(cluster_file: dict[str, Any]) -> None:
    (start,) = [line for line in cluster_file["head_start_ray_commands"] if "ray start" in line]
    assert dict(re.findall(r"(RAY_health_\w+)=(\S+)", start)) == TUNED
    assert json.loads((DOCS / RECORDS["nodes"]).read_text())["settings"] == TUNED


def test_what_it_installs_is_there(cluster_file: dict[str, Any]) -> None:
    for lock in re.findall(r"requirements/\S+\.lock", " ".join(cluster_file["setup_commands"])):
        text = (ROOT / lock).read_text()
        assert "ray==" in text and "--hash=" in text


def test_the_page_is_that_of_the_records() -> None:
    assert PAGE.read_text() == written_page(), "run: python -m tests.scale.sizing --write"


def test_records_tell_their_commands() -> None:
    for name, file in RECORDS.items():
        record = json.loads((DOCS / file).read_text())
        assert record["command"].startswith("python -m tests.scale."), name
        assert record["machine"]["cpus"] and record["versions"]["ray"]
