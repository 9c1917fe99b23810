"""A network's own description of each example: the logit follows from it, and who has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge.contract.errors import ConfigError
from tests.support.drawn_task import drawn_task, tiny_recipe
from train.cli import train
from train.datasets.base import list_examples
from train.features import write_features
from train.fit import fit
from train.networks import load_network
from train.recipe_parts import ModelSpec
from train.scores import read_npz_scores

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn")) as folder:
        yield folder


def test_logit_of_every_example_follows_from_its_features(data: Path, tmp_path: Path) -> None:
    run, out = tmp_path / "runs" / "fold0", tmp_path / "features.npz"
    fit(tiny_recipe(use_validation=True), run, data=data)
    command = ["features", str(run), "--out", str(out), "--data", str(data)]
    done = CliRunner().invoke(train, command)
    assert done.exit_code == 0, done.output
    with np.load(out) as arrays:
        names, features = arrays["file"].tolist(), arrays["features"]
    assert names == [example.name for example in list_examples("nih-cells", data)]
    assert features.shape == (len(names), 16)
    assert features.dtype == np.float32
    assert f"{len(names)} examples described" in done.output
    weight, bias = load_network(run)[1].get_layer("cam").get_weights()
    held_out = read_npz_scores(run / "held_out.npz")
    rows = [names.index(name) for name in held_out.name]
    logit = features[rows] @ weight[0, 0, :, 0] + bias[0]
    np.testing.assert_allclose(logit, held_out.logit, atol=1e-4)


def test_run_without_weights_or_map_is_refused_and_nothing_written(
    data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "features.npz"
    with pytest.raises(ConfigError, match=r"recipe\.json"):
        write_features(tmp_path, out, data)
    run = tmp_path / "run"
    fit(tiny_recipe(ModelSpec("malaria_cnn"), use_validation=True), run, data=data)
    with pytest.raises(ConfigError, match="no class activation map"):
        write_features(run, out, data)
    (run / "model.weights.h5").unlink()
    with pytest.raises(ConfigError, match=r"no model\.weights\.h5"):
        write_features(run, out, data)
    assert not out.exists()
