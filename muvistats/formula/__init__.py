"""R-style formulas: single expressions, and whole models with random-effect bars.

What is forbidden is refused by `allowlist`, which needs no other library and is there at once.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
