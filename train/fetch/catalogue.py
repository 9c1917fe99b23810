"""Public data sets: where they lie, what they are to hash to, and on what terms.

The only addresses of the project are here. A sha256 is given where its publisher or several
independent users state it; where none is known, the first download is taken on trust and recorded
(`fetch.lock.json` beside the data).
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.errors import ConfigError


@dataclass(frozen=True)
class Archive:
    """One zip file of a data set.

    Attributes:
        address: where it is downloaded from.
        licence: as its publisher states it.
        citation: what a paper that uses it cites.
        folder: where it is unpacked, below the folder of data sets.
        strip: leading folders of the archive's names that are left out.
        size_bytes: 0 where unknown.
        sha256: "" where unknown.
        dataset: name of the data set that reads it; "" where there is none for this layout.
    """

    address: str
    licence: str
    citation: str
    folder: str
    strip: int = 1
    size_bytes: int = 0
    sha256: str = ""
    dataset: str = ""


CATALOGUE = {
    # Size and sha256 as TensorFlow Datasets' checksums of `malaria` give them.
    "nih-cells": Archive(
        "https://data.lhncbc.nlm.nih.gov/public/Malaria/cell_images.zip",
        "U.S. National Library of Medicine: no licence is stated; cite the paper",
        "Rajaraman et al. 2018, PeerJ 6:e4568, doi 10.7717/peerj.4568",
        "nih-cells",
        size_bytes=353_452_851,
        sha256="0a949556b2414159b5100192609805376654c4266d8d187be9b1922fad43c668",
        dataset="nih-cells",
    ),
    # Version 2 of the publisher's record; sha256 as three independent users state it.
    "kermany": Archive(
        "https://data.mendeley.com/public-files/datasets/rscbjbr9sj/files/"
        "f12eaf6d-6023-432f-acc9-80c9d7393433/file_downloaded",
        "CC BY 4.0",
        "Kermany et al. 2018, Cell 172(5), doi 10.1016/j.cell.2018.02.010; "
        "data doi 10.17632/rscbjbr9sj",
        "chest_xray",
        size_bytes=1_235_512_464,
        sha256="13efc055629733dbab07877f8b3c9f81097840dbcdaa326a8542322c2281ce36",
        dataset="kermany",
    ),
    "bbbc041": Archive(
        "https://data.broadinstitute.org/bbbc/BBBC041/malaria.zip",
        "CC BY-NC-SA 3.0",
        "Hung et al. 2018, arXiv:1804.09548; image set BBBC041v1, Ljosa et al. 2012, "
        "doi 10.1038/nmeth.2083",
        "bbbc041",
        strip=0,
        dataset="bbbc041",
    ),
    "mp-idb": Archive(
        "https://github.com/andrealoddo/MP-IDB-The-Malaria-Parasite-Image-Database-for-Image-"
        "Processing-and-Analysis/archive/HEAD.zip",
        "MIT",
        "Loddo et al. 2019, doi 10.1007/978-3-030-13835-6_7",
        "mp-idb",
        dataset="mp-idb",
    ),
    "iml-malaria": Archive(
        "https://github.com/QaziAmmar/A-Dataset-and-Benchmark-for-Malaria-Life-Cycle-"
        "Classification-in-Thin-Blood-Smear-Images/archive/HEAD.zip",
        "none is stated; ask the authors before publishing images",
        "Arshad et al. 2022, doi 10.1007/s00521-021-06602-6, arXiv:2102.08708",
        "iml-malaria",
    ),
    "chula-rbc-12": Archive(
        "https://github.com/Chula-PIC-Lab/Chula-RBC-12-Dataset/archive/HEAD.zip",
        "MIT",
        "Naruenatthanaset et al. 2021, arXiv:2012.01321",
        "chula-rbc-12",
    ),
    "bccd": Archive(
        "https://github.com/Shenggan/BCCD_Dataset/archive/HEAD.zip",
        "MIT",
        "Shenggan, BCCD Dataset, 2017",
        "bccd",
    ),
    "covid-hannover": Archive(
        "https://github.com/ml-workgroup/covid-19-image-repository/archive/HEAD.zip",
        "CC BY 3.0",
        "Winther et al. 2020, COVID-19 Image Repository, doi 10.25835/0090041",
        "covid-hannover",
    ),
    "covid-cxnet": Archive(
        "https://github.com/armiro/COVID-CXNet/archive/HEAD.zip",
        "CC BY 4.0",
        "Haghanifar et al. 2022, doi 10.1007/s11042-022-12156-z, arXiv:2006.13807",
        "covid-cxnet",
    ),
}


def archive_of(name: str) -> Archive:
    """The archive of this name. Raises ConfigError where the catalogue has none."""
    if name not in CATALOGUE:
        raise ConfigError(f"no data set {name!r} to fetch; known: {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
