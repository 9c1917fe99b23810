"""Small data sets in the layouts of their archives, drawn; for readers, reports and fetching."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from edge.contract.images import encode_image
from edge.contract.types import U8Array

FIELD_PX = (120, 160)
STAGES = ("ring", "trophozoite", "schizont", "gametocyte")
_RGB = {"red blood cell": (200, 150, 150), "leukocyte": (90, 60, 150)}


def draw_field(centres: list[tuple[int, int]], colour: tuple[int, int, int]) -> U8Array:
    """A pale field of FIELD_PX with a disc of radius 15 px at each (x, y)."""
    field = np.full((*FIELD_PX, 3), 230, np.uint8)
    for centre in centres:
        cv2.circle(field, centre, 15, colour, cv2.FILLED)
    return field


def write_iml(root: Path, blocks: int = 10) -> Path:
    """`root/iml-fields`: a field a block, each with two healthy cells and two or three stages."""
    folder = root / "iml-fields"
    (folder / "images").mkdir(parents=True)
    content = []
    for block in range(blocks):
        labels = ["red blood cell", "red blood cell", "ring", STAGES[1 + block % 3], "gametocyte"]
        centres = [(20 + 30 * n, 25 + (block % 3) * 5) for n in range(len(labels))]
        image = draw_field(centres, (180, 60 + 10 * block, 140))
        (folder / "images" / f"F{block}.JPG").write_bytes(encode_image(image, ".jpg"))
        content.append({"file": f"F{block}.JPG", "block": block, "cells": [
            {"left_px": x - 15, "top_px": y - 15, "width_px": 30, "height_px": 30, "label": label}
            for (x, y), label in zip(centres, labels, strict=True)
        ]})  # fmt: skip
    (folder / "cells.json").write_text(json.dumps(content))
    return root


def write_cxr(root: Path, patients: int = 12) -> Path:
    """`root/cxr/{normal,pneumonia,covid}`; covid is stored grey, as the real ones are."""
    rng = np.random.default_rng(5)
    for label, names in {
        "normal": [f"IM-{n:04}-0001.jpeg" for n in range(patients)],
        "pneumonia": [f"person{n}_virus_{n}.jpeg" for n in range(patients)]
        + [f"person{n}_bacteria_{n}.jpeg" for n in range(patients)],
        "covid": [f"cxnet_{n:03}.jpg" for n in range(patients)]
        + [f"hannover_{n:08x}.jpg" for n in range(patients)]
        + ["cxnet_roc.jpg", "cxnet_v1.0_training_history.jpg"],
    }.items():
        folder = root / "cxr" / label
        folder.mkdir(parents=True)
        for name in names:
            image = rng.integers(0, 255, (48, 48), np.uint8)
            cv2.imwrite(str(folder / name), image if label == "covid" else cv2.merge([image] * 3))
    return root


def write_kermany(root: Path) -> Path:
    """`root/chest_xray/{train,test,val}/{NORMAL,PNEUMONIA}`; one child is in two parts."""
    for part, names in {
        "train": ("IM-0115-0001.jpeg", "person1_bacteria_1.jpeg"),
        "test": ("IM-0001-0001.jpeg", "person1_virus_6.jpeg"),
        "val": ("NORMAL2-IM-1427-0001.jpeg", "person1946_bacteria_4874.jpeg"),
    }.items():
        for label, name in zip(("NORMAL", "PNEUMONIA"), names, strict=True):
            folder = root / "chest_xray" / part / label
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / name), np.full((60, 80), 90, np.uint8))
    return root


def write_bbbc041(root: Path) -> Path:
    """`root/bbbc041/malaria` with two fields, every category once."""
    folder = root / "bbbc041/malaria"
    (folder / "images").mkdir(parents=True)
    categories = ["red blood cell", "leukocyte", *STAGES, "difficult"]
    for name, found in (("training.json", categories), ("test.json", categories[:1])):
        stem = name.removesuffix(".json")
        centres = [(20 + 20 * n, 40) for n in range(len(found))]
        image = draw_field(centres, _RGB["red blood cell"])
        (folder / "images" / f"{stem}.png").write_bytes(encode_image(image))
        objects = [
            {"category": category, "bounding_box": {
                "minimum": {"r": y - 15, "c": x - 15}, "maximum": {"r": y + 15, "c": x + 15}}}
            for (x, y), category in zip(centres, found, strict=True)
        ]  # fmt: skip
        shape = {"r": FIELD_PX[0], "c": FIELD_PX[1], "channels": 3}
        entry = {"image": {"pathname": f"/images/{stem}.png", "checksum": "", "shape": shape}}
        (folder / name).write_text(json.dumps([{**entry, "objects": objects}]))
    return root


def write_mp_idb(root: Path) -> Path:
    """`root/mp-idb` with fields of one stage, of two told apart, and of two that are not."""
    for species, stem, centres in (
        ("Falciparum", "1305121398-0001-R", [(30, 30), (90, 60)]),
        ("Falciparum", "1305121398-0002-S_T", [(100, 30), (40, 80)]),
        ("Falciparum", "1305121398-0003-R_S", [(30, 30), (80, 60), (130, 90)]),
        ("Vivax", "1703121298-0008-G", [(70, 70)]),
    ):
        for kind in ("img", "gt"):
            (root / "mp-idb" / species / kind).mkdir(parents=True, exist_ok=True)
        field = draw_field(centres, (120, 40, 140))
        mask = cv2.inRange(field, (0, 0, 0), (200, 200, 200))
        folder = root / "mp-idb" / species
        (folder / "img" / f"{stem}.jpg").write_bytes(encode_image(field, ".jpg"))
        cv2.imwrite(str(folder / "gt" / f"{stem}.jpg"), mask)
    return root


def write_bccd(root: Path, fields: int = 4) -> Path:
    """`root/bccd-fields`: a field with three red cells, one white and a platelet each."""
    folder = root / "bccd-fields"
    (folder / "images").mkdir(parents=True)
    content = []
    for number in range(fields):
        labels = ["RBC", "WBC", "RBC", "Platelets", "RBC"]
        image = draw_field([(20 + 30 * n, 40) for n in range(5)], (180, 110 + 10 * number, 140))
        (folder / "images" / f"B{number}.jpg").write_bytes(encode_image(image, ".jpg"))
        content.append({"file": f"B{number}.jpg", "cells": [
            {"left_px": 5 + 30 * n, "top_px": 25, "width_px": 30, "height_px": 30, "label": label}
            for n, label in enumerate(labels)
        ]})  # fmt: skip
    (folder / "cells.json").write_text(json.dumps(content))
    return root


def write_chula(root: Path) -> Path:
    """`root/chula-fields`: two fields of three cells, one of them cut by the frame's corner."""
    folder = root / "chula-fields"
    (folder / "images").mkdir(parents=True)
    lines = ["file,x_px,y_px,rbc_type"]
    for name in ("5.jpg", "12.jpg"):
        centres = [(0, 2), (60, 60), (120, 70)]
        image = draw_field(centres, (200, 90, 110))
        (folder / "images" / name).write_bytes(encode_image(image, ".jpg"))
        lines += [f"{name},{x},{y},{kind}" for kind, (x, y) in enumerate(centres)]
    (folder / "points.csv").write_text("\n".join(lines) + "\n")
    return root
