"""The networks as they reach a worker."""

from __future__ import annotations

import pickle
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from edge.archive import model
from edge.config import DeviceConfig
from edge.contract.errors import ConfigError
from edge.contract.site import SiteCheck
from tests.support.painted_field import write_second_opinion


def load(tmp_path: Path) -> bytes:
    bundle = write_second_opinion(tmp_path / "bundle")
    name, sha256 = bundle.manifest.bundle_id, bundle.sha256
    site = SiteCheck(name, sha256, "Ann", "2026-01-02T00:00:00+00:00", 0.5, 0.4, 0.6, *[99] * 6)
    config = DeviceConfig(bundle=str(bundle.path), site=site)
    packed, ran_on = model.load_model(tmp_path / "home", config)
    assert ran_on.threads == 1 and ran_on.site_shift == 0.5 and ran_on.stages_bundle_id
    return packed


def test_worker_opens_what_the_driver_proved(tmp_path: Path) -> None:
    packed = load(tmp_path)
    drivers = model.open_model(packed)
    model._opened.clear()
    screener = model.open_model(packed)
    assert screener is not drivers and screener.ran_on == drivers.ran_on
    assert screener.site_shift == 0.5 and screener.stages and screener.novelty
    assert model.open_model(packed) is screener


def test_worker_that_computes_otherwise_is_named(tmp_path: Path) -> None:
    sent = pickle.loads(load(tmp_path))
    other = replace(sent, ran_on=replace(sent.ran_on, accelerator="another"))
    with pytest.raises(ConfigError, match=platform.node()) as told:
        model.open_model(pickle.dumps(other))
    assert "another" in str(told.value) and "same program" in str(told.value)
