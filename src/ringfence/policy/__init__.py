"""The policy file: read whole with every error at once, judged for what is unwise, explained and documented."""

from ringfence.policy.errors import PolicyError, PolicyErrors
from ringfence.policy.load import Loaded, Loader, load, place_of

__all__ = ["Loaded", "Loader", "PolicyError", "PolicyErrors", "load", "place_of"]
