"""Drawn videos of a figure that moves: a data set that needs no download."""
