"""Result frames, their columns, and the values that the paper prints."""
