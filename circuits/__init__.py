"""What the weights compute: expanded weights, factorisations, attribution, interventions, tuning, families."""
