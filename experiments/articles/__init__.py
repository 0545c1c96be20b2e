"""The articles of *Thread: Circuits* and those before it, a module each."""
