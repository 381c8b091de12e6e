"""What works on somebody's own pictures: recipes tried within a budget, one chosen by D_val."""
