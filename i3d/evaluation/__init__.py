"""Accuracies of a test, and files of results."""
