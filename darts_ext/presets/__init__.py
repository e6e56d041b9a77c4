"""Settings that ship with the package: --config NAME."""
