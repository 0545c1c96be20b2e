"""The figures of *The Building Blocks of Interpretability* (Olah et al. 2018), of one photograph each."""
