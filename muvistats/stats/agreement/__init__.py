"""How far raters agree, and the gold standards that they agree on."""
