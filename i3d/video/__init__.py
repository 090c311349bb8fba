"""Video decoding: files to RGB frames at a constant rate."""
