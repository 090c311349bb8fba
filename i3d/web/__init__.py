"""The page and the HTTP interface of `python -m i3d.serve`."""
