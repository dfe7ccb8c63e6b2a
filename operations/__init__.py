"""What is done to a deployed stack from a pipeline, or by hand as a pipeline would do it."""
