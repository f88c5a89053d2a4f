"""From a trained multi-exit network to a bundle that the runtime loads (``docs/spec/format.md``)."""
