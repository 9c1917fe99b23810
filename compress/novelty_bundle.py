"""What a novelty network adds to a manifest."""

from __future__ import annotations

from dataclasses import replace

from compress.compressed import Compressed
from edge.contract.errors import ConfigError
from edge.contract.manifest import Golden, Manifest, Novelty

NOVELTY_PREFIX = "novelty-"


def with_novelty(manifest: Manifest, record: Compressed, golden: Golden) -> Manifest:
    """The manifest with the network of a record beside its own.

    Raises:
        ConfigError: the record is a classifier's.
    """
    points = record.novelty
    if points is None:
        raise ConfigError(f"{record.recipe.task} is no novelty network")
    return replace(
        manifest,
        weights=manifest.weights + record.weights,
        evaluation=manifest.evaluation + record.evaluation,
        corrections=manifest.corrections + ((record.corrections,) if record.corrections else ()),
        novelty_threshold=points.threshold,
        novelty=Novelty(
            foreign_threshold=points.foreign_threshold,
            most_foreign_share=points.most_foreign_share,
            chosen_on=points.chosen_on,
            rule=points.rule,
            target_false_alarm=points.target_false_alarm,
            false_alarm=points.false_alarm,
            false_refusal=points.false_refusal,
            golden=golden,
            representative_set=record.representative_set,
            parity=record.parity,
            field_median=points.field_median,
        ),
    )
