"""Experiments on weights: what units are connected to, with pictures of both ends."""
