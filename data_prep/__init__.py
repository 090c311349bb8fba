"""Preprocessing: video files to RGB frames and TV-L1 flow in TFRecords."""
