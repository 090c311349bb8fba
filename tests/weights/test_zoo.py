"""The table of published checkpoints."""

from i3d import models
from i3d.weights.zoo import RELEASES


def test_rows_are_whole():
    assert len(RELEASES) == 44
    for file, release in RELEASES.items():
        assert file == release.file and file.endswith(".pth")
        assert 30 < release.top1 < 90
        assert release.top5 is None or release.top1 < release.top5 < 100
        resize = release.protocol.resize
        assert release.protocol.crop <= (resize if isinstance(resize, int) else min(resize))


def test_rows_as_published():
    release = RELEASES[
        "tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_sthv2-rgb_20230317-be0fc26e.pth"
    ]
    assert (release.model, release.data, release.num_classes) == ("tsm_r50_1x1x8", "sthv2", 174)
    assert (release.top1, release.top5) == (62.72, 87.7)
    protocol = release.protocol
    assert (protocol.frames, protocol.clips, protocol.crops, protocol.twice) == (1, 8, 3, True)
    protocol = RELEASES["s3d-d76dad2f.pth"].protocol
    assert (protocol.frames, protocol.fps, protocol.resize) == (128, 15.0, (256, 256))


def test_models_are_in_the_catalogue():
    missing = {release.model for release in RELEASES.values()} - set(models.names())
    assert missing <= {"x3d_s_13x6x1", "x3d_m_16x5x1", "ircsn_r50_32x2x1", "ipcsn_r152_32x2x1"}
