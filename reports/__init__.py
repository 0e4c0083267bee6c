"""Results for people: fronts as tables, figures and pages, and the run folder that holds them."""
