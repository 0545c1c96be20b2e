"""Experiments: `python -m experiments NAME`, one module each, every run in its own directory."""
