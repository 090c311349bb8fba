"""Shared by every command: files, locks, progress, devices, error handling."""
