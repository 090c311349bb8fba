"""The record format and the input pipeline: records to batches."""
