"""Preprocessing: video files to RGB frames and TV-L1 flow in TFRecords."""

from i3d.runtime import starting

starting.stop_at_once()
