"""Clip features of many videos."""
