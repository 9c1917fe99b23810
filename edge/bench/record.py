"""One record: everything that was measured, in one run, on one machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from edge.bench.agreement import Agreement, measure_agreement
from edge.bench.bare import BareOnnx, open_bare
from edge.bench.cold import Cold, measure_cold
from edge.bench.energy import Energy, measure_energy
from edge.bench.fields import SIMULATED, FieldTime, Slides, slides_of, time_fields
from edge.bench.graph import Proof, prove_device, prove_onnx, prove_tflite
from edge.bench.machine import Load, LoadMeter, Machine, read_machine
from edge.bench.models import ModelTime, Timings, time_enhancer, time_models
from edge.bench.networks import Network, networks_of
from edge.bench.overhead import Overhead, measure_overhead
from edge.bench.profile import Profile, profile_onnx, profile_tflite
from edge.bench.schema import SCHEMA
from edge.bench.sensors import ROOT, Sensors, read_sensors
from edge.bench.single_stream import Rules, SingleStream, run_single_stream
from edge.bench.sustained import Sustained, run_sustained
from edge.bench.turns import Call
from edge.bench.verdict import Facts, Verdict, judge
from edge.cameras.smear import draw_field
from edge.cameras.smear_settings import SmearSettings
from edge.contract.images import decode_image, encode_image
from edge.contract.types import Frame, RanOn
from edge.enhancement.enhancer import Enhancer
from edge.protocol import Protocol
from edge.screening.classifier import Classifier
from edge.screening.screener import Screener

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        batch: cells a call of the table of models.
        home: folder on the disk that fields are stored on; None takes the system's temporary one.
        float_file: a float parent to agree with.
        minutes: of sustained work; 0 leaves it out.
        rules: of SingleStream; None leaves it out.
        root: what /sys and /proc are read below.
    """

    baselines: tuple[Path, ...] = ()
    runs: int = 1000
    batch: int = 1
    fields: int = 20
    camera: str = SIMULATED
    home: Path | None = None
    protocol: Protocol = field(default_factory=Protocol)
    float_file: Path | None = None
    minutes: float = 0.0
    rules: Rules | None = None
    root: Path = ROOT


@dataclass(frozen=True)
class Record:
    """The whole of it; parts that were not asked for, or have nothing to say here, are None.

    Attributes:
        schema: of this record; 1.
        field: of a bundle that reads fields.
        cold, overhead, profiles: on the processor; empty where an accelerator serves.
    """

    schema: int
    made_utc: str
    verdict: Verdict
    ran_on: RanOn
    batch: int
    models: tuple[ModelTime, ...]
    drift: float
    unsteadiness: float
    field: FieldTime | None
    slides: Slides | None
    cold: tuple[Cold, ...]
    overhead: tuple[Overhead, ...]
    proof: tuple[Proof, ...]
    profiles: tuple[Profile, ...]
    agreement: Agreement
    energy: tuple[Energy, ...]
    sustained: Sustained | None
    single_stream: SingleStream | None
    machine: Machine
    before: Sensors
    after: Sensors
    load: Load


def make_record(
    opened: Classifier | Enhancer, plan: Plan, told: Callable[[str], None] = lambda _: None
) -> Record:
    """Measures everything of the plan.

    Args:
        told: is given what is measured next, in words.

    Raises:
        DataError: a baseline or the float file cannot be used.
        CameraError: the camera is absent.
    """
    if plan.float_file:
        # It is used last; that it cannot be is better known now.
        open_bare(plan.float_file)
    machine, before, meter = read_machine(plan.root), read_sensors(plan.root), LoadMeter(plan.root)
    networks = networks_of(opened)
    told("models in turns")
    timings = _time(opened, plan)
    told("the runtime's own part")
    overhead = measure_overhead(networks[0], plan.runs)
    told("fields")
    fields = None
    if isinstance(opened, Screener):
        fields = time_fields(opened, plan.fields, plan.home, plan.camera)
    told("long runs")
    work = _work(opened, networks[0])
    energy = [measure_energy(what, call, plan.root) for what, call in work.items()]
    what, heaviest = list(work.items())[-1]
    sustained = (
        run_sustained(what, heaviest, plan.minutes * 60, plan.root) if plan.minutes else None
    )
    stream = run_single_stream(_samples(networks[0]), plan.rules) if plan.rules else None
    # What follows is no timing of calls, so that others' load during it does not count.
    after, load = read_sensors(plan.root), meter.stop()
    told("cold starts")
    cold = tuple(measure_cold(network) for network in networks if network.on_processor)
    told("operations")
    proof, profiles = _look_into(networks, plan.runs)
    agreement = measure_agreement(opened, plan.float_file)
    facts = Facts(
        timings.models[0].spread.runs, timings.drift, timings.unsteadiness, before, after, load,
        opened.ran_on, agreement, sustained, stream,
    )  # fmt: skip
    return Record(
        SCHEMA,
        datetime.now(UTC).isoformat(timespec="seconds"),
        judge(facts),
        opened.ran_on,
        plan.batch,
        timings.models,
        timings.drift,
        timings.unsteadiness,
        fields,
        slides_of(fields, plan.protocol) if fields else None,
        cold,
        overhead,
        tuple(proof),
        tuple(profiles),
        agreement,
        tuple(one for one in energy if one),
        sustained,
        stream,
        machine,
        before,
        after,
        load,
    )


def _time(opened: Classifier | Enhancer, plan: Plan) -> Timings:
    if isinstance(opened, Enhancer):
        return time_enhancer(opened, plan.runs)
    return time_models(opened, plan.baselines, plan.runs, plan.batch)


def _work(opened: Classifier | Enhancer, first: Network) -> dict[str, Call]:
    """What energy and endurance are measured on, the heaviest last."""
    call, _ = first.caller(1)
    work: dict[str, Call] = {"one tile" if isinstance(opened, Enhancer) else "one cell": call}
    if isinstance(opened, Screener):
        screener = opened
        jpeg = encode_image(draw_field(SmearSettings(), 1, 0).image, ".jpg")
        work["one field, JPEG bytes to calls"] = lambda: screener.screen(
            Frame(decode_image(jpeg), "bench")
        )
    return work


def _samples(network: Network) -> list[Call]:
    """A call for each golden image."""
    run = network.runtime.enlarge if network.role == "enhancer" else network.runtime.run
    images = network.images
    return [partial(run, images[at : at + 1]) for at in range(len(images))]


def _look_into(networks: Sequence[Network], runs: int) -> tuple[list[Proof], list[Profile]]:
    """What ran; and on the processor how long each operation took."""
    proof, profiles = [], []
    for network in networks:
        runtime, shape = network.runtime, (1, *network.images.shape[1:])
        words = (network.role, network.content, runtime.threads, shape)
        if runtime.operations:
            where = (network.role, runtime.name, runtime.accelerator)
            proof.append(prove_device(*where, runtime.operations))
        elif network.on_processor and runtime.weights.format == "tflite":
            proof.append(prove_tflite(*words))
            profiles.append(profile_tflite(*words, runs))
        elif network.on_processor:
            profiles.append(_profile_onnx(network))
            proof.append(prove_onnx(network.role, profiles[-1].ops))
    return proof, profiles


def _profile_onnx(network: Network) -> Profile:
    image = network.images[:1]
    model = BareOnnx(network.content, network.name, network.runtime.threads, image.shape[1:])
    if network.runtime.weights.inputs[0].dtype == "int8":
        image = (image ^ np.uint8(0x80)).view(np.int8)
    return profile_onnx(network.role, model, image)
