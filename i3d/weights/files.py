"""Lists the files that DeepMind published with I3D: paths, sizes and git blob ids.

    from i3d.weights.files import FILES
    FILES["rgb_imagenet"]                     # its data, index and label files

Source: github.com/google-deepmind/kinetics-i3d at COMMIT (Apache-2.0).
"""

import dataclasses

COMMIT = "0667e889a5904b4dc122e0ded4c332f49f8df42c"
BASE_URL = f"https://raw.githubusercontent.com/google-deepmind/kinetics-i3d/{COMMIT}"


@dataclasses.dataclass(frozen=True)
class PublishedFile:
    """One file of the published repository.

    Attributes:
      target: its place in the checkpoint directory.
      source: its path in the repository.
      size: bytes, or None where not known.
      blob_id: its git blob id, 40 hexadecimal digits.
    """

    target: str
    source: str
    size: int | None
    blob_id: str


# Name, bytes of its data file, git blob ids of its data file and of its index file.
_CHECKPOINTS = (
    (
        "rgb_imagenet",
        50_818_176,
        "2958652e0c9c48a65010c0ebda5c9cfd4edc7c18",
        "5ab1058b8f4f89a896c01f67c0a4c96a31548af7",
    ),
    (
        "rgb_scratch",
        50_818_176,
        "fa7df95674dbf3579e7fccd954e51e706b4734c1",
        "84dd4518e982d9ca6ce1ff02e95fca2e8cbb1f73",
    ),
    (
        "flow_imagenet",
        50_730_368,
        "bf56831f663abc3de0d35f193030b73a3df7fb61",
        "8217f9450d851d24782aaf1af01c5c3b35b81a35",
    ),
    (
        "flow_scratch",
        50_730_368,
        "1d6a0b68f32544af11111342857e47e30d13afa9",
        "193bc425100f3978c793da66bd9eb54baea8dc6a",
    ),
    (
        "rgb_scratch_kin600",
        103_218_112,
        "6392a74c3180e706cabada39d8f40a50a48642e5",
        "d378d8f01215fe92a29cd170f040c284070e9cd5",
    ),
)


def _plain(name, blob_id):
    return PublishedFile(name, f"data/{name}", None, blob_id)


_LABELS_400 = _plain("label_map.txt", "cdaafcb1415eee46483561e78cb4747cce76a933")
_LABELS_600 = _plain("label_map_600.txt", "639e9c91fa8a941ea57942872fae55628d590b42")


def _checkpoint(name, size, data_id, index_id):
    data, index = f"{name}/model.ckpt.data-00000-of-00001", f"{name}/model.ckpt.index"
    return (
        PublishedFile(data, f"data/checkpoints/{data}", size, data_id),
        PublishedFile(index, f"data/checkpoints/{index}", None, index_id),
        _LABELS_600 if name == "rgb_scratch_kin600" else _LABELS_400,
    )


FILES = {  # name -> its files; a checkpoint comes with its labels
    **{row[0]: _checkpoint(*row) for row in _CHECKPOINTS},
    "sample_rgb": (
        _plain("v_CricketShot_g04_c01_rgb.npy", "d756c5020a6e0fb56a99b210e32f5865da712bba"),
    ),
    "sample_flow": (
        _plain("v_CricketShot_g04_c01_flow.npy", "ee00e78e6f380caa5463de878d7c85ad7a01e668"),
    ),
}
