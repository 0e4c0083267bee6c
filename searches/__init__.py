"""Which designs are best: design spaces, objectives, budgets, and the Optuna study that searches them."""
