"""Inference: from a video or a record to views, logits and their average."""
