"""Runs a stack on this machine: the real Pulumi engine, stand-ins for everything it deploys to.

The program is the one that deploys to Azure, and knows nothing of this package. What Azure would
refuse is refused here in Azure's words; containers really run, as processes.
"""
