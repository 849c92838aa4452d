"""Linear and generalised mixed models: deviance, derivatives, degrees of freedom, separation."""
