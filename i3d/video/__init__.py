"""Decoding: video files to RGB frames at a constant rate."""
