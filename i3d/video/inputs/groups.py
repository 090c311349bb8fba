"""Which videos were cut from one source, by the naming rules of the public data sets.

    group_of("Archery/v_Archery_g01_c02")        # "v_Archery_g01"
    group_of("film@12-15")                       # "film"

Clips of one source resemble each other: with some of them in training and others in the test,
accuracy is overstated.
"""

import os
import re

_TIMES = re.compile(r"(?:@[\d.]*-[\d.]*|@\d+\+\d+)$")  # of an Item's id
_RULES = (
    re.compile(r"(v_.+_g\d+)_c\d+"),  # UCF101: v_CLASS_gGROUP_cCLIP
    re.compile(r"(.+)_[fhlu]_[cn]m_np\d_(?:ba|bo|fr|le|ri)_(?:bad|goo|med)_\d+"),  # HMDB51
    re.compile(r"(person\d+)_[a-z]+_d\d.*"),  # KTH: personNN_ACTION_dSCENARIO
    re.compile(r"(.{11})_\d{6}_\d{6}"),  # Kinetics: YOUTUBE-ID_START_END
)


def group_of(id: str) -> str:
    """Returns the name of the source that a video was cut from; its own name if that says nothing.

    Known are the names of UCF101 (the group g01), HMDB51 (the film), KTH (the person), Kinetics
    (the YouTube video), and several time ranges, or ranges of images, of one file.

    Args:
      id: as i3d.video.inputs.Item and records have it: path without extension, "@start-end" after.
    """
    id = _TIMES.sub("", id)
    stem, extension = os.path.splitext(id)
    if len(extension) not in (4, 5) or not extension[1:].isalnum():
        stem = id  # the extension is there only where two files differ in nothing else
    name = stem.rpartition("/")[2]
    found = (match[1] for rule in _RULES if (match := rule.fullmatch(name)))
    return next(found, stem)
