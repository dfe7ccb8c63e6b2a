"""The regions that a stack can be deployed to.

A list, since nothing else tells a typing mistake from a region: a new one (`finlandcentral`) is as
close to an old one (`polandcentral`) as most mistakes are. Azure opens a few regions a year; until
the list has one, its line below is all that is missing: `az account list-locations` shows names.

Only of Azure's public cloud. In the others a group's name does not end with `.azurecontainer.io`
(`.azurecontainer.console.azure.us` for US Gov), so the server's certificate would have the wrong
one.

Sources: https://learn.microsoft.com/azure/reliability/regions-list (of 2025-09-23), and what Azure
Resource Manager listed on 2026-03-12, as kept in
https://github.com/Azure/terraform-azurerm-avm-utl-regions (modules/cached-data), without regions
for trials (EUAP, STG).
"""

from __future__ import annotations

import difflib
import shlex

from common.names import LOCATION
from program.settings.refusals import refusal

REGIONS = (
    "Australia Central",
    "Australia Central 2",
    "Australia East",
    "Australia Southeast",
    "Austria East",
    "Belgium Central",
    "Brazil South",
    "Brazil Southeast",
    "Canada Central",
    "Canada East",
    "Central India",
    "Central US",
    "Chile Central",
    "Denmark East",
    "East Asia",
    "East US",
    "East US 2",
    "France Central",
    "France South",
    "Germany North",
    "Germany West Central",
    "Indonesia Central",
    "Israel Central",
    "Italy North",
    "Japan East",
    "Japan West",
    "Jio India Central",
    "Jio India West",
    "Korea Central",
    "Korea South",
    "Malaysia West",
    "Mexico Central",
    "New Zealand North",
    "North Central US",
    "North Europe",
    "Norway East",
    "Norway West",
    "Poland Central",
    "Qatar Central",
    "South Africa North",
    "South Africa West",
    "South Central US",
    "South India",
    "Southeast Asia",
    "Spain Central",
    "Sweden Central",
    "Sweden South",
    "Switzerland North",
    "Switzerland West",
    "UAE Central",
    "UAE North",
    "UK South",
    "UK West",
    "West Central US",
    "West Europe",
    "West India",
    "West US",
    "West US 2",
    "West US 3",
)
SOVEREIGN = ("usgov", "usdod", "ussec", "usnat", "china")
"""How the names of regions in other clouds of Azure begin."""
ALLOWED = (
    "a region of Azure's public cloud; one that program/settings/regions.py lacks is added there"
)
EXAMPLE = "westeurope"


def programmatic(name: str) -> str:
    """`westeurope` for `West Europe`: what Azure makes of either."""
    return name.replace(" ", "").lower()


def checked(location: str) -> str:
    """The location, if Azure has a region of that name."""
    if not location:
        raise ValueError  # is missing, as other keys are
    known = [programmatic(region) for region in REGIONS]
    name = programmatic(location)
    if name in known:
        return location
    close = [] if name.startswith(SOVEREIGN) else difflib.get_close_matches(name, known, 1, 0.8)
    key = LOCATION
    raise refusal(
        key, location, ALLOWED, shlex.join(["pulumi", "config", "set", key, *(close or [EXAMPLE])])
    )
