"""Video files into RGB frames and TV-L1 flow, as the published I3D models expect them."""
