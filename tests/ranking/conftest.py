"""How hypothesis runs here."""

from hypothesis import settings

# A busy machine is no failure, so that no example has a deadline.
settings.register_profile("kurabe", deadline=None)
settings.load_profile("kurabe")
