"""What stands in for Azure: resources on disk, Azure's rules, a registry's token service."""
