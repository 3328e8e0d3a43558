"""One module per noun: each route parses, calls the store, returns."""
