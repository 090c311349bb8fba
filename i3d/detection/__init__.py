"""Spatio-temporal detection: boxes of people and their actions over time."""
