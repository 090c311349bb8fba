"""Synthetic videos of a moving figure: a data set that needs no download."""
