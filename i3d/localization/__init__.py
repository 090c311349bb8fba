"""Finds when actions happen in untrimmed video: segments, their files and metrics, localizers."""
