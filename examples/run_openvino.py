"""Names what clips show by OpenVINO: python examples/run_openvino.py net clips.npy"""

import json
import sys

import numpy as np
import openvino

model = openvino.Core().read_model(f"{sys.argv[1]}/1/model.xml")
known = json.loads(model.get_rt_info("i3d").astype(str))
run = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
clips = np.load(sys.argv[2])  # uint8 [B, N, H, W, C], sampled as known["spec"] says
for row in run({known["input"]["name"]: clips})[0]:
    print(known["classes"][row.argmax()], row.max())
