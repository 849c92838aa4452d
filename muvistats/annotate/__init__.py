"""From plan to data: lists of trials, the page on which ratings are made, and the way back."""
