"""What a consumer of an endpoint uses: a bundle of files, and samples that call with it."""
