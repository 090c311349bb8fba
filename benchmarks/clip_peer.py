"""ActionCLIP in PyTorch, as its authors ran it, to be timed beside ours; needs the extra `torch`.

    peer = Peer(ARCHS["ViT-B/16"])
    torch.save(peer.checkpoint(), "peer.pt")         # i3d.weights.load takes it
    peer.video(frames), peer.text(tokens)            # [B, D], [N, D]

Eager, attention by torch.nn.MultiheadAttention with tokens first, texts of 77 tokens. Names of the
parameters are those of the published checkpoints.
"""

import torch
from torch import nn

from i3d.models.clip_towers import CONTEXT, VOCABULARY
from i3d.models.video_heads import LAYERS, MOST_FRAMES


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width, heads, epsilon=1e-5):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_1, self.ln_2 = (nn.LayerNorm(width, eps=epsilon) for _ in range(2))
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", QuickGELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))

    def forward(self, x, mask=None):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, layers, heads, epsilon=1e-5):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads, epsilon) for _ in range(layers))

    def forward(self, x, mask=None):
        """Tokens [N, L, C], which the blocks see as [L, N, C]."""
        x = x.permute(1, 0, 2)
        for block in self.resblocks:
            x = block(x, mask)
        return x.permute(1, 0, 2)


class Visual(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        width, positions = sizes.visual_width, (sizes.size // sizes.patch) ** 2 + 1
        self.conv1 = nn.Conv2d(3, width, sizes.patch, sizes.patch, bias=False)
        self.class_embedding = nn.Parameter(width**-0.5 * torch.randn(width))
        self.positional_embedding = nn.Parameter(width**-0.5 * torch.randn(positions, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(width, sizes.visual_layers, width // 64)
        self.proj = nn.Parameter(width**-0.5 * torch.randn(width, sizes.dim))

    def forward(self, x):
        x = self.conv1(x).flatten(2).permute(0, 2, 1)
        token = self.class_embedding.expand(len(x), 1, -1)
        x = torch.cat([token, x], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class Clip(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        width = sizes.text_width
        self.visual = Visual(sizes)
        self.token_embedding = nn.Embedding(VOCABULARY, width)
        self.positional_embedding = nn.Parameter(0.01 * torch.randn(CONTEXT, width))
        self.transformer = Transformer(width, sizes.text_layers, width // 64)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(width**-0.5 * torch.randn(width, sizes.dim))
        self.logit_scale = nn.Parameter(torch.tensor(2.6593))
        mask = torch.full((CONTEXT, CONTEXT), float("-inf")).triu_(1)
        self.register_buffer("mask", mask, persistent=False)


class Fusion(nn.Module):
    """The head Transf."""

    def __init__(self, sizes):
        super().__init__()
        self.frame_position_embeddings = nn.Embedding(MOST_FRAMES, sizes.dim)
        heads = sizes.text_width // 64
        self.transformer = Transformer(sizes.dim, LAYERS, heads, epsilon=1e-12)

    def forward(self, x):
        positions = self.frame_position_embeddings.weight[: x.shape[1]]
        return (self.transformer(x + positions) + x).mean(1)


class Peer:
    """Both towers and the head, with random weights of seed 0."""

    def __init__(self, sizes, dtype=torch.float32):
        torch.manual_seed(0)
        self.clip, self.fusion = (part(sizes).eval() for part in (Clip, Fusion))
        self.dtype = dtype
        self.clip.to(dtype)
        self.fusion.to(dtype)

    def checkpoint(self):
        """Returns what the authors' training saves."""
        fusion = {f"module.{key}": value for key, value in self.fusion.state_dict().items()}
        return {"model_state_dict": self.clip.state_dict(), "fusion_model_state_dict": fusion}

    @torch.inference_mode()
    def video(self, frames):
        """Returns float32 [B, D] of float32 frames [B, T, H, W, 3], numpy arrays."""
        batch, count = frames.shape[:2]
        x = torch.from_numpy(frames).permute(0, 1, 4, 2, 3).flatten(0, 1).to(self.dtype)
        found = self.fusion(self.clip.visual(x).view(batch, count, -1))
        return found.float().numpy()

    @torch.inference_mode()
    def text(self, tokens):
        """Returns float32 [N, D] of int32 tokens [N, 77], numpy arrays."""
        clip, tokens = self.clip, torch.from_numpy(tokens).long()
        x = clip.token_embedding(tokens) + clip.positional_embedding
        x = clip.ln_final(clip.transformer(x, clip.mask))
        ends = x[torch.arange(len(x)), tokens.argmax(-1)]
        return (ends @ clip.text_projection).float().numpy()
