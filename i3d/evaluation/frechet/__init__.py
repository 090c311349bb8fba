"""Distances between two sets of videos by a network's features: Frechet and kernel distance."""
