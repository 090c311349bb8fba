"""Labels a video, or the published sample clip: `i3d.evaluate_sample` says more.

python evaluate_sample.py --eval_type joint
"""

import sys

from i3d.evaluate_sample import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
