"""Stand-ins for the provider plugins that the program uses."""
