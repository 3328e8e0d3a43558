"""The service: settings, store, routes, command line."""
