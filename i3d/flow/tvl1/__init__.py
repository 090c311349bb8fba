"""TV-L1 optical flow in Numba."""
