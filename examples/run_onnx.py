"""Names what clips show by ONNX Runtime: python examples/run_onnx.py net.onnx clips.npy"""

import json
import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
known = json.loads(session.get_modelmeta().custom_metadata_map["i3d"])
clips = np.load(sys.argv[2])  # uint8 [B, N, H, W, C], sampled as known["spec"] says
(rows,) = session.run(None, {known["input"]["name"]: clips})
for row in rows:
    print(known["classes"][row.argmax()], row.max())
