"""Where 100 % can come from: schemes that leak the label, the patient or the cell itself.

Source B reports 92 % on original and 100 % on super-resolved cells, and says neither how its
enhancer was fitted nor which cells it saw. Each scheme here is one way in which such a figure
arises, beside the one that does not leak. Their enhancers are tiny, of two kinds: an RCAN that adds
to bicubic, which leaves few traces of its own, and an FSRCNN that makes the whole picture by
deconvolution, which source B names and which leaves its pattern everywhere (Odena 2016,
doi 10.23915/distill.00003).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from train.models.start_weights import WEIGHTS_FILE
from train.recipe_parts import FitSpec
from train.splits import BY_PATIENT
from train.superres.arms import AS_JPEG, LEAKING, ORIGINAL, SUPER
from train.superres.fit import fit_enhancer
from train.superres.recipe import EnhancerRecipe, EnhancerSpec
from train.superres.study_spec import Scheme, StudySpec, View, alike

SMALL, AGAIN = "small", "small-again"
OF_UNINFECTED, OF_PARASITISED = "small-uninfected", "small-parasitised"
OF_TEST, OF_ALL = "small-test", "small-all"
DECONVOLVED, DECONVOLVED_AGAIN = "deconvolved", "deconvolved-again"
DECONVOLVED_0, DECONVOLVED_1 = "deconvolved-uninfected", "deconvolved-parasitised"
BY_CLASS = "each class by its own"
ALL_AS_0, ALL_AS_1 = "all as uninfected", "all as parasitised"
ON_TEST, ON_OWN = "the test cells", "its own training cells"


def leak_recipes(spec: StudySpec) -> dict[str, EnhancerRecipe]:
    """A recipe for each form: the same two networks, fitted on other cells or from another seed."""
    base = EnhancerRecipe(
        held_out_fold=spec.draw.fold,
        seed=spec.draw.seed,
        model=EnhancerSpec("rcan", width=16, groups=1, blocks=2, reduction=8),
        fit=FitSpec(epochs=2, batch_size=16, learning_rate=1e-3, optimiser="adam"),
        patch_px=24,
        steps=300,
        high_px=spec.draw.high_px,
    )
    every = replace(base, lossless_share=0.0, cells_per_patient=10_000)
    # As many steps as the source says, of FSRCNN-s.
    plain = replace(
        base,
        model=EnhancerSpec("fsrcnn", width=32, shrunk=5, blocks=1),
        fit=replace(base.fit, epochs=10),
    )
    return {
        DECONVOLVED: plain,
        DECONVOLVED_AGAIN: replace(plain, seed=base.seed + 1),
        DECONVOLVED_0: replace(plain, label=0),
        DECONVOLVED_1: replace(plain, label=1),
        SMALL: base,
        AGAIN: replace(base, seed=base.seed + 1),
        OF_UNINFECTED: replace(base, label=0),
        OF_PARASITISED: replace(base, label=1),
        OF_TEST: replace(every, parts=("test",)),
        OF_ALL: replace(every, parts=("train", "validation", "test")),
    }


def leak_schemes() -> list[Scheme]:
    """The scheme without a leak first; the first view of each is what a source would report."""
    return [
        _for_all("one-enhancer", SMALL),
        _by_class("enhancer-per-class", OF_UNINFECTED, OF_PARASITISED),
        _by_class("seed-per-class", SMALL, AGAIN),
        _for_all("one-deconvolution", DECONVOLVED),
        _by_class("deconvolution-per-class", DECONVOLVED_0, DECONVOLVED_1),
        _by_class("deconvolution-seed-per-class", DECONVOLVED, DECONVOLVED_AGAIN),
        _by_class("file-per-class", SUPER, AS_JPEG),
        _for_all("test-cells-seen", OF_TEST, splits=(BY_PATIENT,)),
        _for_all("test-cells-seen", OF_ALL, splits=(LEAKING,)),
        _for_all("copies-then-split", ORIGINAL, copies=True),
    ]


def _for_all(name: str, form: str, **settings: Any) -> Scheme:
    """Both classes in one form, tested on the test cells and on those that were fitted on."""
    views = {ON_TEST: View(alike(form)), ON_OWN: View(alike(form), "train")}
    return Scheme(name, alike(form), views, **settings)


def _by_class(name: str, uninfected: str, parasitised: str) -> Scheme:
    """Each class in its own form; then the test cells as a user has them, without their label."""
    forms = (uninfected, parasitised)
    views = {
        BY_CLASS: View(forms),
        ALL_AS_0: View(alike(uninfected)),
        ALL_AS_1: View(alike(parasitised)),
    }
    return Scheme(name, forms, views)


def fit_leak_enhancers(
    spec: StudySpec,
    work: Path,
    *,
    data: Path | None = None,
    recipes: Mapping[str, EnhancerRecipe] | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> dict[str, Path]:
    """Run folders by form, below `work`; those that are done are left as they are."""
    runs = {}
    for form, recipe in (recipes or leak_recipes(spec)).items():
        runs[form] = run_dir = work / f"superres-leak-{form}"
        if not (run_dir / WEIGHTS_FILE).is_file():
            fit_enhancer(recipe, run_dir, data=data)
            tell(f"fitted: {run_dir}")
    return runs
