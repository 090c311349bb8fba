"""The subcommands of `python -m i3d.visualize`, one file each: flags, checks, work."""
