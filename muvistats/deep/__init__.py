"""Networks that predict ratings over time: LSTMs, their fusion, and transfer between modalities.

The extra ``deep`` installs Keras with TensorFlow; torch serves as well (``KERAS_BACKEND=torch``).
Nothing here imports them before a network is made.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
