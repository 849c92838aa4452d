"""Ratings and labels predicted from features of the items."""
