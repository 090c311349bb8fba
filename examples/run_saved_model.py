"""Names what clips show by TensorFlow: python examples/run_saved_model.py served clips.npy"""

import json
import sys

import numpy as np
import tensorflow as tf

loaded = tf.saved_model.load(f"{sys.argv[1]}/1")
with open(f"{sys.argv[1]}/1/assets.extra/i3d.json", encoding="utf-8") as file:
    known = json.load(file)
clips = np.load(sys.argv[2])  # uint8 [B, N, H, W, C], sampled as known["spec"] says
found = loaded.signatures["serving_default"](**{known["input"]["name"]: clips})
for row in found[known["output"]["name"]].numpy():
    print(known["classes"][row.argmax()], row.max())
