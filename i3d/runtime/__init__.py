"""What every command needs: files, locks, progress, devices, one ladder of errors."""
