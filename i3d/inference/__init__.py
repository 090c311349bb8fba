"""From a video or a record to logits: views, one network, one loop, one average."""
