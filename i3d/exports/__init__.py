"""Networks as files of other runtimes, preprocessing inside."""
