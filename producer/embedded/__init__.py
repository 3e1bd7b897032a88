"""Services that `run` starts for itself where none are configured: a private Redis and loopback model servers."""
