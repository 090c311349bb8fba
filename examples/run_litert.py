"""Names what clips show by LiteRT: python examples/run_litert.py net.tflite clips.npy"""

import json
import sys
import zipfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter

known = json.loads(zipfile.ZipFile(sys.argv[1]).read("i3d.json"))
own = Interpreter(sys.argv[1])
given, found = own.get_input_details()[0]["index"], own.get_output_details()[0]["index"]
for clip in np.load(sys.argv[2]):  # uint8 [N, H, W, C], sampled as known["spec"] says
    own.resize_tensor_input(given, (1, *clip.shape))
    own.allocate_tensors()
    own.set_tensor(given, clip[None])
    own.invoke()
    row = own.get_tensor(found)[0]
    print(known["classes"][row.argmax()], row.max())
