"""Weights, clip and class of a small network, and its Grad-CAM as PyTorch computes it.

The arrays in grad_cam.npz were computed by `main` on PyTorch 2.x from the synthetic weights and
the clip that this module makes again, by the public formulas: Selvaraju et al. 2017
(arXiv:1610.02391), weights averaged over space for each time step, trilinear interpolation.

    python -m tests.golden.grad_cam          # writes the file; needs torch
"""

from pathlib import Path

import numpy as np

from tests.golden.mmaction import torch_weight, uniform

FILE = Path(__file__).parent / "grad_cam.npz"
CLIP = (8, 32, 28, 3)  # T, H, W, channels
CLASS = 2
SHAPES = {
    "conv1.weight": (8, 3, 3, 3, 3),
    "conv1.bias": (8,),
    "conv2.weight": (12, 8, 3, 3, 3),
    "conv2.bias": (12,),
    "fc.weight": (5, 12),
    "fc.bias": (5,),
}
STRIDES = {"conv1": (1, 2, 2), "conv2": (2, 2, 2)}


def weights():
    """Returns {name: float32 array} in PyTorch's layout."""
    return {key: torch_weight(key, shape, seed=15) for key, shape in SHAPES.items()}


def clip():
    """Returns the clip, uint8 [T, H, W, 3]; the network sees it in [-1, 1]."""
    return np.floor((uniform("clip", CLIP, 15) + 1) * 128).astype(np.uint8)


def main():
    """Computes the file."""
    import torch
    from torch.nn import functional

    own = {key: torch.tensor(value) for key, value in weights().items()}
    x = torch.tensor(clip().transpose(3, 0, 1, 2)[None] * np.float32(2 / 255) - 1)
    for layer, stride in STRIDES.items():
        x = functional.conv3d(x, own[f"{layer}.weight"], own[f"{layer}.bias"], stride)
        x = functional.relu(x)
    maps = x.detach().requires_grad_()
    # The score is no linear function of the maps: weights differ from one time step to the next.
    pooled = (maps.mean(dim=(3, 4)) ** 2).mean(dim=2)
    logits = functional.linear(pooled, own["fc.weight"], own["fc.bias"])
    logits[0, CLASS].backward()
    mean = maps.grad.mean(dim=(3, 4), keepdim=True)
    heat = functional.relu((mean * maps).sum(dim=1, keepdim=True)).detach()
    size = CLIP[:3]
    heat = functional.interpolate(heat, size=size, mode="trilinear", align_corners=False)
    heat = (heat - heat.min()) / (heat.max() - heat.min())
    np.savez_compressed(FILE, logits=logits[0].detach().numpy(), heat=heat[0, 0].numpy())


if __name__ == "__main__":
    main()
