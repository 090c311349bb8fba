"""Feature extraction from many videos."""
