"""A classifier of one's own classes: features of a pretrained network and a linear head."""
